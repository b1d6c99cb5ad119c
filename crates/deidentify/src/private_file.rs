//! Key keyring files, which only their owner can read.

use std::io::{self, Write as _};
use std::path::Path;

use pilotlight_files::{AtomicFile, FileAccess, ProtectedFileError, Readers, read_secret};
use zeroize::Zeroizing;

use crate::keyring_error::KeyringError;

/// Largest file of a key keyring, in bytes.
const MAX_BYTES: usize = 1 << 20;

pub(crate) fn io(path: &Path) -> impl Fn(io::Error) -> KeyringError {
    move |source| KeyringError::Io { path: path.to_owned(), source }
}

/// The text of a file, in memory that is overwritten when it is dropped.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<String>, KeyringError> {
    let text = read_secret(path, MAX_BYTES, Readers::OwnerOrGroupOfRoot);
    text.map_err(|error| match error {
        ProtectedFileError::Io(source) => io(path)(source),
        ProtectedFileError::Mode { mode } => KeyringError::Exposed { path: path.to_owned(), mode },
        ProtectedFileError::TooLong { .. } => KeyringError::TooLarge { path: path.to_owned() },
    })
}

/// Writes a file where none is, atomically.
pub(crate) fn create(path: &Path, text: &str) -> Result<(), KeyringError> {
    let write = || {
        let mut file = AtomicFile::create(path, FileAccess::OwnerOnly)?;
        file.write_all(text.as_bytes())?;
        file.commit_new(path)
    };
    write().map_err(io(path))
}

/// Replaces a file by one of the same owner, atomically.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), KeyringError> {
    let write = || {
        let mut file = AtomicFile::create(path, FileAccess::OwnerOnly)?;
        file.write_all(text.as_bytes())?;
        file.take_owner_of(path)?;
        file.commit(path)
    };
    write().map_err(io(path))
}
