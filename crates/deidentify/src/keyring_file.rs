//! The file of a keyring:
//!
//! ```toml
//! active = "k2"
//!
//! [keys.k1]
//! file = "k1.secret"
//!
//! [keys.k2]
//! secret = "7s0Xw0pB0m1m3Xk8v0xg7c8Rk5cT5E4mJp1m1o1Xq2Y="
//! ```

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use crate::key::{KeyId, SHORTEST};
use crate::keyring_error::{KeyringError, Problem};
use crate::private_file;

pub(crate) type Secret = Zeroizing<Vec<u8>>;

/// What is written in the file.
pub(crate) struct RingFile {
    pub(crate) active: (KeyId, Source),
    /// Where the name of the active key stands in the text.
    pub(crate) active_at: Range<usize>,
    pub(crate) others: BTreeMap<KeyId, Source>,
}

/// Where a secret is.
pub(crate) enum Source {
    Here(Secret),
    /// In a file, by the path that is written.
    File(PathBuf),
}

impl RingFile {
    /// What the keys are called, the active one first.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &KeyId> {
        [&self.active.0].into_iter().chain(self.others.keys())
    }
}

/// A problem, and with which key of the file.
type Fault = (String, Problem);

/// Reads what is written, and no other files. `path` is named in errors.
pub(crate) fn parse(text: &str, path: &Path) -> Result<RingFile, KeyringError> {
    let table = DeTable::parse(text).map_err(|error| {
        let before = text.get(..error.span().map_or(0, |span| span.start)).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        // Its Display would show the line, with the secret that may be there.
        KeyringError::NotToml { path: path.to_owned(), line, message: error.message().to_owned() }
    })?;
    read_table(table.get_ref()).map_err(|(key, problem)| KeyringError::Wrong {
        path: path.to_owned(),
        key,
        problem,
    })
}

fn read_table(table: &DeTable<'_>) -> Result<RingFile, Fault> {
    let (mut active, mut keys) = (None, BTreeMap::new());
    for (name, value) in table {
        match name.get_ref().as_ref() {
            "active" => {
                let id = string(value, "active")?.parse::<KeyId>();
                let id = id.map_err(|bad| ("active".to_owned(), bad.into()))?;
                active = Some((id, value.span()));
            }
            "keys" => keys = read_keys(value)?,
            other => return Err((other.to_owned(), Problem::Unknown)),
        }
    }
    let (active, active_at) = active.ok_or_else(|| ("active".to_owned(), Problem::Missing))?;
    match keys.remove(&active) {
        Some(source) => Ok(RingFile { active: (active, source), active_at, others: keys }),
        None => Err(("active".to_owned(), Problem::NoSuchKey(active))),
    }
}

fn read_keys(value: &Spanned<DeValue<'_>>) -> Result<BTreeMap<KeyId, Source>, Fault> {
    let mut keys = BTreeMap::new();
    for (name, value) in table(value, "keys")? {
        let key = format!("keys.{}", name.get_ref());
        let id = name.get_ref().parse::<KeyId>().map_err(|bad| (key.clone(), bad.into()))?;
        keys.insert(id, read_key(table(value, &key)?, &key)?);
    }
    Ok(keys)
}

fn read_key(table: &DeTable<'_>, key: &str) -> Result<Source, Fault> {
    let mut source = None;
    for (name, value) in table {
        let at = format!("{key}.{}", name.get_ref());
        let read = match name.get_ref().as_ref() {
            "secret" => {
                let secret = decode(string(value, &at)?);
                Source::Here(secret.map_err(|problem| (at, problem))?)
            }
            "file" => Source::File(string(value, &at)?.into()),
            _ => return Err((at, Problem::Unknown)),
        };
        if source.replace(read).is_some() {
            return Err((key.to_owned(), Problem::NotOneSecret));
        }
    }
    source.ok_or_else(|| (key.to_owned(), Problem::NotOneSecret))
}

fn table<'a, 'i>(value: &'a Spanned<DeValue<'i>>, key: &str) -> Result<&'a DeTable<'i>, Fault> {
    value.get_ref().as_table().ok_or_else(|| (key.to_owned(), Problem::IsNotA("table")))
}

fn string<'a>(value: &'a Spanned<DeValue<'_>>, key: &str) -> Result<&'a str, Fault> {
    value.get_ref().as_str().ok_or_else(|| (key.to_owned(), Problem::IsNotA("string")))
}

fn decode(text: &str) -> Result<Secret, Problem> {
    let secret = Zeroizing::new(STANDARD.decode(text).map_err(|_| Problem::NotBase64)?);
    if secret.len() < SHORTEST { Err(Problem::TooShort(secret.len())) } else { Ok(secret) }
}

/// Reads the secret of a key from a file of its own, which holds what would be written in the
/// keyring's, at `path`.
pub(crate) fn read_secret(file: &Path, path: &Path, id: &KeyId) -> Result<Secret, KeyringError> {
    let text = private_file::read(file)?;
    decode(text.trim_ascii()).map_err(|problem| {
        let key = format!("keys.{id}.file");
        KeyringError::Wrong { path: path.to_owned(), key, problem }
    })
}
