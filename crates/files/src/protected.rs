//! Files with secrets, and lists that decide who is let in.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use zeroize::Zeroizing;

/// Errors of reading a protected file.
#[derive(Debug, thiserror::Error)]
pub enum ProtectedFileError {
    /// The operating system's error, or the file is not UTF-8.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The permissions give others more than they may have.
    #[error("its mode is {mode:o}")]
    Mode {
        /// The permissions, without the type of the file.
        mode: u32,
    },
    /// The file is longer than any such file.
    #[error("is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
}

/// Users who can read a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Its owner alone.
    Owner,
    /// Its owner, and the group of a file that belongs to root. Kubernetes and systemd leave
    /// secrets to root and let a service read them by its group.
    OwnerOrGroupOfRoot,
}

/// Reads a secret of at most `limit` bytes that only `readers` may read, into memory that is not
/// moved and is overwritten when it is dropped.
///
/// # Errors
/// [`ProtectedFileError`].
pub fn read_secret(
    path: &Path,
    limit: usize,
    readers: Readers,
) -> Result<Zeroizing<String>, ProtectedFileError> {
    read(path, limit, |owner| exposing(owner, readers))
}

/// Reads a list of at most `limit` bytes that nobody but its owner may write.
///
/// # Errors
/// [`ProtectedFileError`].
pub fn read_list(path: &Path, limit: usize) -> Result<Zeroizing<String>, ProtectedFileError> {
    read(path, limit, |_| 0o022)
}

/// Permissions that show a secret of `owner` to others than `readers`.
fn exposing(owner: u32, readers: Readers) -> u32 {
    match readers {
        Readers::OwnerOrGroupOfRoot if owner == 0 => 0o037,
        _ => 0o077,
    }
}

fn read(
    path: &Path,
    limit: usize,
    forbidden: impl Fn(u32) -> u32,
) -> Result<Zeroizing<String>, ProtectedFileError> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let mode = metadata.mode() & 0o7777;
    if mode & forbidden(metadata.uid()) != 0 {
        return Err(ProtectedFileError::Mode { mode });
    }
    let length = usize::try_from(metadata.len()).ok().filter(|length| *length <= limit);
    let length = length.ok_or(ProtectedFileError::TooLong { limit })?;
    // With room for one byte more, the text is not moved to find its end.
    let mut text = Zeroizing::new(String::with_capacity(length + 1));
    let read = file.take(length as u64 + 1).read_to_string(&mut text)?;
    if read > length {
        return Err(io::Error::other("the file grew while it was read; try again").into());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_group_of_root_may_read_a_secret_only_where_that_is_said() {
        assert_eq!(0o640 & exposing(0, Readers::OwnerOrGroupOfRoot), 0);
        assert_eq!(0o640 & exposing(1000, Readers::OwnerOrGroupOfRoot), 0o040);
        assert_eq!(0o640 & exposing(0, Readers::Owner), 0o040);
        for mode in [0o660, 0o644, 0o604] {
            assert_ne!(mode & exposing(0, Readers::OwnerOrGroupOfRoot), 0);
        }
    }

    #[test]
    fn exposed_and_long_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "12345").unwrap();
        let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        mode(0o600);
        assert_eq!(*read_secret(&path, 5, Readers::Owner).unwrap(), "12345");
        let error = read_secret(&path, 4, Readers::Owner).unwrap_err();
        assert!(matches!(error, ProtectedFileError::TooLong { limit: 4 }), "{error}");
        mode(0o644);
        let error = read_secret(&path, 5, Readers::Owner).unwrap_err();
        assert!(matches!(error, ProtectedFileError::Mode { mode: 0o644 }), "{error}");
        assert_eq!(*read_list(&path, 5).unwrap(), "12345");
        mode(0o666);
        let error = read_list(&path, 5).unwrap_err();
        assert!(matches!(error, ProtectedFileError::Mode { mode: 0o666 }), "{error}");
    }
}
