//! Key ring files, which only their owner can read.

use std::io::{self, Write as _};
use std::path::Path;

use pilotlight_files::{Access, AtomicFile, ProtectedFileError, Readers, read_secret};
use zeroize::Zeroizing;

use crate::ring_error::RingError;

/// Largest file of a key ring, in bytes.
const MAX_BYTES: usize = 1 << 20;

pub(crate) fn io(path: &Path) -> impl Fn(io::Error) -> RingError {
    move |source| RingError::Io { path: path.to_owned(), source }
}

/// The text of a file, in memory that is overwritten when it is dropped.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<String>, RingError> {
    let text = read_secret(path, MAX_BYTES, Readers::OwnerOrGroupOfRoot);
    text.map_err(|error| match error {
        ProtectedFileError::Io(source) => io(path)(source),
        ProtectedFileError::Mode { mode } => RingError::Exposed { path: path.to_owned(), mode },
        ProtectedFileError::TooLong { .. } => RingError::TooLarge { path: path.to_owned() },
    })
}

/// Writes a file where none is, atomically.
pub(crate) fn create(path: &Path, text: &str) -> Result<(), RingError> {
    let write = || {
        let mut file = AtomicFile::create(path, Access::OwnerOnly)?;
        file.write_all(text.as_bytes())?;
        file.commit_new(path)
    };
    write().map_err(io(path))
}

/// Replaces a file by one of the same owner, atomically.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), RingError> {
    let write = || {
        let mut file = AtomicFile::create(path, Access::OwnerOnly)?;
        file.write_all(text.as_bytes())?;
        file.take_owner_of(path)?;
        file.commit(path)
    };
    write().map_err(io(path))
}
