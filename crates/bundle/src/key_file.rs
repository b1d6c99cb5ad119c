//! Keys in files; private ones in files that only their owner can read.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use zeroize::Zeroizing;

use crate::key::{KeyError, SigningKey, VerifyingKey};

/// No key in PEM is nearly as large.
const LARGEST: usize = 16 << 10;

impl SigningKey {
    /// Reads a private key. As with ssh, one that its group or others can read is refused.
    ///
    /// # Errors
    /// [`KeyError::Exposed`], [`KeyError::Io`], or [`KeyError::In`] when it holds no such key.
    pub fn read_file(path: &Path) -> Result<Self, KeyError> {
        let io = |source| KeyError::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(io)?;
        let mode = file.metadata().map_err(io)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Exposed { path: path.to_owned(), mode });
        }
        let pem = read(file).map_err(io)?;
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
    let mut text = Zeroizing::new(String::with_capacity(LARGEST + 1));
    file.take(LARGEST as u64).read_to_string(&mut text)?;
    Ok(text)
}

fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let private = fs::Permissions::from_mode(0o600);
    let mut file = tempfile::Builder::new().permissions(private).tempfile_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}
