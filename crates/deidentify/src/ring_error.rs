use std::path::PathBuf;

use crate::key::{BadKeyId, KeyId, SHORTEST};

/// Why a ring of keys cannot be read or written. No message holds anything of a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RingError {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Others than the owner may do something with a file that holds secrets.
    #[error(
        "{}: holds secrets, and others than its owner may read or write it (mode {mode:04o}); run \
         chmod 600",
        path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file is larger than any ring.
    #[error("{}: larger than a file of keys may be (1 MiB)", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file is not TOML.
    #[error("{}:{line}: not TOML: {message}", path.display())]
    NotToml {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A key of the file is not as it has to be.
    #[error("{}: `{key}` {problem}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Which key, such as `keys.k1.secret`.
        key: String,
        /// What is wrong with it.
        problem: Problem,
    },
    /// Another process is writing the file.
    #[error("{}: another process is writing this file; wait until it has finished", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// The ring has such a key already.
    #[error("{}: has a key `{id}` already; give the new one another name", path.display())]
    KeyExists {
        /// The file.
        path: PathBuf,
        /// What the key is called.
        id: KeyId,
    },
    /// The file is valid, but written so that no key can be added to its end.
    #[error(
        "{}: a key cannot be added to what is written there; write `active = \"NAME\"` first and \
         each key as a table [keys.NAME]",
        path.display()
    )]
    Unextendable {
        /// The file.
        path: PathBuf,
    },
    /// The operating system gave no random bytes.
    #[error("no random bytes from the operating system: {0}")]
    Random(#[from] getrandom::Error),
}

/// What is wrong with a key of a ring's file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// It has to be there.
    #[error("is missing")]
    Missing,
    /// Nothing is called so.
    #[error(
        "is not known; there are `active`, and `secret` or `file` of each of the tables [keys.NAME]"
    )]
    Unknown,
    /// It is of another type.
    #[error("is not a {0}")]
    IsNotA(&'static str),
    /// No key can be called so.
    #[error("is {0}")]
    BadKeyId(#[from] BadKeyId),
    /// There is no such key.
    #[error("names the key `{0}`, which is not there")]
    NoSuchKey(KeyId),
    /// The key has no secret, or two.
    #[error("needs either a `secret` or a `file` that holds it")]
    NotOneSecret,
    /// The secret cannot be decoded.
    #[error("is not base64 in one line, with its padding; `openssl rand -base64 32` prints some")]
    NotBase64,
    /// The secret can be guessed.
    #[error("is too short: {0} bytes, and it takes at least {SHORTEST}, drawn at random")]
    TooShort(usize),
}
