use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use pilotlight_bundle::{Bundle, Policy, SigningKey, VerifyingKey};
use pilotlight_files::{FileAccess, write_atomically};

#[derive(Args)]
pub(crate) struct KeygenOptions {
    /// File to write the private key to (PKCS#8, PEM); the public key is written beside it to
    /// FILE.pub
    #[arg(value_name = "FILE")]
    key: PathBuf,
}

#[derive(Args)]
pub(crate) struct SignOptions {
    /// Component to sign; it is replaced by the signed one
    #[arg(value_name = "FILE.wasm")]
    component: PathBuf,
    /// File with the private Ed25519 key (PKCS#8, PEM), as written by `keygen` or `openssl genpkey
    /// -algorithm ed25519`
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

#[derive(Args)]
pub(crate) struct VerifyOptions {
    /// Component to verify
    #[arg(value_name = "FILE.wasm")]
    component: PathBuf,
    /// File with a public key (PEM); the component must be signed with one of the keys. Can be
    /// repeated
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
    println!("{}: private key, readable only for you", options.key.display());
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
    println!("{}: content matches digest {}", options.component.display(), bundle.digest());
    for signature in bundle.signatures() {
        println!("signature by {}", signature.key());
    }
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| path.display().to_string())
}

fn write(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    write_atomically(path, content, FileAccess::Public).with_context(|| path.display().to_string())
}
