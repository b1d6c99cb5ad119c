//! Commands for API keys and for keyrings of de-identification.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use pilotlight_auth::ApiKey;
use pilotlight_deidentify::{KeyId, Keyring};

#[derive(Args)]
pub(crate) struct ApiKeyOptions {
    /// Identifier of the key: 1 to 32 of a-z, 0-9 and -
    #[arg(value_name = "ID")]
    id: String,
}

#[derive(Args)]
pub(crate) struct KeyringOptions {
    /// File with the keyring, readable only for its owner
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Add a key to the file, which replaces values from then on; the old keys still decrypt
    #[arg(long)]
    rotate: bool,
    /// Identifier of the key [default: k1; for a rotation, the next free number]
    #[arg(long, value_name = "ID")]
    id: Option<KeyId>,
}

/// Prints the entry on standard output, to be appended to a key file, and the key itself on
/// standard error.
pub(crate) fn api_key(options: &ApiKeyOptions) -> anyhow::Result<()> {
    let key = ApiKey::generate(&options.id)?;
    eprintln!("API key, shown only once: {}", key.expose());
    print!("{}", key.entry());
    Ok(())
}

pub(crate) fn keyring(options: &KeyringOptions) -> anyhow::Result<()> {
    let KeyringOptions { file, rotate, id } = options;
    let id = match id {
        Some(id) => id.clone(),
        None if *rotate => next(&Keyring::read(file)?)?,
        None => "k1".parse()?,
    };
    if *rotate {
        Keyring::rotate(file, &id)?;
        println!("{}: new values are replaced with key {id}", file.display());
    } else {
        Keyring::generate(file, &id)?;
        println!("{}: created with key {id}, readable only for you", file.display());
    }
    Ok(())
}

/// The identifier after the highest of k1, k2 and so on.
fn next(keyring: &Keyring) -> anyhow::Result<KeyId> {
    let numbers = keyring.ids().filter_map(|id| id.as_str().strip_prefix('k')?.parse::<u64>().ok());
    let Some(number) = numbers.max().unwrap_or(0).checked_add(1) else {
        bail!("the keys in the keyring use the highest number; name the new key with --id");
    };
    format!("k{number}").parse().context("the identifier of the next key")
}
