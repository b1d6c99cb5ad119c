use std::path::{Path, PathBuf};

use pilotlight_files::ProtectedFileError;

/// Longest list of keys, in bytes.
pub(crate) const MAX_LIST_BYTES: usize = 1 << 20;

/// Errors of authentication files and options.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An option or an argument is wrong.
    #[error(transparent)]
    Invalid(#[from] InvalidValue),
    /// Something in a file is wrong.
    #[error("{}: {invalid}", path.display())]
    In {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        invalid: InvalidValue,
    },
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Whoever can write to the file can let himself in.
    #[error(
        "{}: contains credentials of callers, but other users can write to it (mode {mode:04o}); \
         run chmod go-w",
        path.display()
    )]
    Writable {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Others can read a secret.
    #[error("{}: contains a secret that other users can read (mode {mode:04o}); run chmod 600", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file is longer than any such file should be.
    #[error("{}: larger than the maximum of {limit} bytes; check that it is the right file", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// How long it may be.
        limit: usize,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system returned no random bytes")]
    Random,
}

impl Error {
    /// Maps what is wrong with the list at `path`.
    pub(crate) fn of_list(path: &Path) -> impl FnOnce(ProtectedFileError) -> Self {
        let path = path.to_owned();
        move |error| match error {
            ProtectedFileError::Io(source) => Self::Io { path, source },
            ProtectedFileError::Mode { mode } => Self::Writable { path, mode },
            ProtectedFileError::TooLong { limit } => Self::TooLong { path, limit },
        }
    }

    /// Maps what is wrong with the secret at `path`.
    pub(crate) fn of_secret(path: &Path) -> impl FnOnce(ProtectedFileError) -> Self {
        let path = path.to_owned();
        move |error| match error {
            ProtectedFileError::Io(source) => Self::Io { path, source },
            ProtectedFileError::Mode { mode } => Self::Exposed { path, mode },
            ProtectedFileError::TooLong { limit } => Self::TooLong { path, limit },
        }
    }
}

/// An invalid option, or an invalid value in a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
#[non_exhaustive]
pub struct InvalidValue {
    /// The option, or the entry of the file, such as `keys.laptop.rate`.
    pub key: String,
    /// What is wrong, and how to correct it.
    pub message: String,
}

impl InvalidValue {
    pub(crate) fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into() }
    }

    /// The same error of a value in the table `table`.
    pub(crate) fn inside(self, table: &str) -> Self {
        Self { key: format!("{table}.{}", self.key), ..self }
    }
}
