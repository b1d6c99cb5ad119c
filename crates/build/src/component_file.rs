//! The file of a component: what is compiled.

use std::fs;
use std::path::{Path, PathBuf};

use pilotlight_model::Digest;

use crate::cache::Entry;
use crate::error::{Error, Result};

/// What names entries of the cache; the number counts forms of snapshots.
pub(crate) const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " 5");

/// A component's file.
pub(crate) struct ComponentFile {
    pub(crate) path: PathBuf,
    pub(crate) digest: Digest,
    /// Entries of the cache that it was made from.
    pub(crate) held: Vec<Entry>,
}

impl From<Entry> for ComponentFile {
    fn from(entry: Entry) -> Self {
        Self { path: entry.path.clone(), digest: entry.digest, held: vec![entry] }
    }
}

pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(Error::io(path))
}

pub(crate) fn refuse(name: &str, reason: &str) -> Error {
    Error::Component { name: name.to_owned(), reason: reason.to_owned() }
}
