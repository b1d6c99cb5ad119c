//! Keys of those who ask, and keys that de-identify what is answered.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use pilotlight_auth::ApiKey;
use pilotlight_deidentify::{KeyId, KeyRing};

#[derive(Args)]
pub(crate) struct ApiKeyOptions {
    /// What to call it: 1 to 32 of a-z, 0-9 and -
    #[arg(value_name = "ID")]
    id: String,
}

#[derive(Args)]
pub(crate) struct KeyringOptions {
    /// Where the keys are, for their owner alone to read
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Add a key to those in the file, which de-identifies from then on; the others still re-identify
    #[arg(long)]
    rotate: bool,
    /// What to call the key [default: k1; of a rotation, the next number that is free]
    #[arg(long, value_name = "ID")]
    id: Option<KeyId>,
}

/// The entry goes to standard output, to be appended to a file; the key to standard error, for
/// whom it is made.
pub(crate) fn api_key(options: &ApiKeyOptions) -> anyhow::Result<()> {
    let key = ApiKey::generate(&options.id)?;
    eprintln!("key, shown this once: {}", key.expose());
    print!("{}", key.entry());
    Ok(())
}

pub(crate) fn keyring(options: &KeyringOptions) -> anyhow::Result<()> {
    let KeyringOptions { file, rotate, id } = options;
    let id = match id {
        Some(id) => id.clone(),
        None if *rotate => next(&KeyRing::read(file)?)?,
        None => "k1".parse()?,
    };
    if *rotate {
        KeyRing::rotate(file, &id)?;
        println!("{}: key {id} protects from now on", file.display());
    } else {
        KeyRing::generate(file, &id)?;
        println!("{}: key {id}, for nobody else to read", file.display());
    }
    Ok(())
}

/// The first of k1, k2 and so on that comes after all there are.
fn next(ring: &KeyRing) -> anyhow::Result<KeyId> {
    let numbers = ring.ids().filter_map(|id| id.as_str().strip_prefix('k')?.parse::<u64>().ok());
    let Some(number) = numbers.max().unwrap_or(0).checked_add(1) else {
        bail!("there is no number after those of the keys; name one with --id");
    };
    format!("k{number}").parse().context("the next key")
}
