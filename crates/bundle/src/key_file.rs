//! Keys in files; private ones in files that only their owner can read.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use pilotlight_files::{Access, AtomicFile, ProtectedFileError, Readers, read_secret};
use zeroize::Zeroizing;

use crate::key::{KeyError, SigningKey, VerifyingKey};

/// Largest key in PEM, in bytes.
const MAX_BYTES: usize = 16 << 10;

impl SigningKey {
    /// Reads a private key. As with ssh, one that its group or others can read is refused.
    ///
    /// # Errors
    /// [`KeyError::Exposed`], [`KeyError::Io`], or [`KeyError::In`] when it holds no such key.
    pub fn read_file(path: &Path) -> Result<Self, KeyError> {
        let pem = read_secret(path, MAX_BYTES, Readers::Owner).map_err(|error| match error {
            ProtectedFileError::Io(source) => KeyError::Io { path: path.to_owned(), source },
            ProtectedFileError::Mode { mode } => KeyError::Exposed { path: path.to_owned(), mode },
            error @ ProtectedFileError::TooLong { .. } => KeyError::In {
                path: path.to_owned(),
                error: Box::new(KeyError::NotPrivate(error.to_string())),
            },
        })?;
        Self::from_pem(&pem).map_err(|error| inside(path, error))
    }

    /// Writes a private key to a new file that only its owner can read: whole or not at all, and
    /// never over a file that is there.
    ///
    /// # Errors
    /// [`KeyError::Io`].
    pub fn write_file(&self, path: &Path) -> Result<(), KeyError> {
        let pem = self.to_pem()?;
        write_new(path, pem.as_bytes())
            .map_err(|source| KeyError::Io { path: path.to_owned(), source })
    }
}

impl VerifyingKey {
    /// Reads a public key.
    ///
    /// # Errors
    /// [`KeyError::Io`], or [`KeyError::In`] when it holds no such key.
    pub fn read_file(path: &Path) -> Result<Self, KeyError> {
        let pem = File::open(path).and_then(read);
        let pem = pem.map_err(|source| KeyError::Io { path: path.to_owned(), source })?;
        Self::from_pem(&pem).map_err(|error| inside(path, error))
    }
}

fn inside(path: &Path, error: KeyError) -> KeyError {
    KeyError::In { path: path.to_owned(), error: Box::new(error) }
}

/// The text at the beginning of a file, in memory that is not moved and is overwritten when it is
/// dropped.
fn read(file: File) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::with_capacity(MAX_BYTES + 1));
    file.take(MAX_BYTES as u64).read_to_string(&mut text)?;
    Ok(text)
}

fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = AtomicFile::create(path, Access::OwnerOnly)?;
    file.write_all(content)?;
    file.commit_new(path)
}
