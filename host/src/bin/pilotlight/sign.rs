use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use pilotlight_bundle::{Bundle, Policy, SigningKey, VerifyingKey};
use pilotlight_files::{Access, write_atomically};

#[derive(Args)]
pub(crate) struct KeygenOptions {
    /// Where to write the private key (PKCS#8, PEM); the public key goes beside it as FILE.pub
    #[arg(value_name = "FILE")]
    key: PathBuf,
}

#[derive(Args)]
pub(crate) struct SignOptions {
    /// Component, which is replaced by the signed one
    #[arg(value_name = "FILE.wasm")]
    component: PathBuf,
    /// Private Ed25519 key (PKCS#8, PEM), as `keygen` or `openssl genpkey -algorithm ed25519` write it
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

#[derive(Args)]
pub(crate) struct VerifyOptions {
    /// Component
    #[arg(value_name = "FILE.wasm")]
    component: PathBuf,
    /// Public keys (PEM), by one of which it has to be signed
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
}

pub(crate) fn keygen(options: &KeygenOptions) -> anyhow::Result<()> {
    let key = SigningKey::generate()?;
    key.write_file(&options.key)?;
    let mut public = options.key.clone().into_os_string();
    public.push(".pub");
    let public = PathBuf::from(public);
    write(&public, key.verifying_key().to_pem()?.as_bytes())?;
    println!("{}: private key, for nobody else to read", options.key.display());
    println!("{}: public key {}", public.display(), key.verifying_key().id());
    Ok(())
}

pub(crate) fn sign(options: &SignOptions) -> anyhow::Result<()> {
    let key = SigningKey::read_file(&options.key)?;
    let mut component = read(&options.component)?;
    let name = || options.component.display().to_string();
    pilotlight_bundle::sign(&mut component, &key).with_context(name)?;
    write(&options.component, &component)?;
    println!("{}: signed by {}", options.component.display(), key.verifying_key().id());
    Ok(())
}

pub(crate) fn verify(options: &VerifyOptions) -> anyhow::Result<()> {
    let component = read(&options.component)?;
    let keys = options.keys.iter().map(|path| VerifyingKey::read_file(path));
    let keys: Vec<_> = keys.collect::<Result<_, _>>()?;
    let policy = if keys.is_empty() { Policy::Digest } else { Policy::Signature { keys } };
    let name = || options.component.display().to_string();
    let bundle: Bundle<'_> = policy.admit(&component).with_context(name)?;
    println!("{}: what was sealed as {}", options.component.display(), bundle.digest());
    for signature in bundle.signatures() {
        println!("signature by {}", signature.key());
    }
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| path.display().to_string())
}

fn write(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    write_atomically(path, content, Access::Public).with_context(|| path.display().to_string())
}
