use std::path::PathBuf;

use crate::key::{BadKeyId, KeyId, SHORTEST};

/// Errors of a keyring file. No message contains any of a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
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
        "{}: contains secrets, but other users can read or write it (mode {mode:04o}); run chmod \
         600",
        path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file is larger than any keyring.
    #[error("{}: larger than the maximum of 1 MiB; check that it is a keyring", path.display())]
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
    #[error("{}: another process is writing this file; try again later", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// The keyring has such a key already.
    #[error("{}: already has a key `{id}`; choose another identifier with --id", path.display())]
    KeyExists {
        /// The file.
        path: PathBuf,
        /// What the key is called.
        id: KeyId,
    },
    /// The file is valid, but written so that no key can be added to its end.
    #[error(
        "{}: no key can be added to this layout; write `active = \"NAME\"` first and each key as a \
         table [keys.NAME]",
        path.display()
    )]
    Unextendable {
        /// The file.
        path: PathBuf,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system returned no random bytes: {0}")]
    Random(#[from] getrandom::Error),
}

/// Error of a key in a keyring file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A required key is missing.
    #[error("is missing")]
    Missing,
    /// The key is unknown.
    #[error("is unknown; keyrings have `active`, and tables [keys.NAME] with `secret` or `file`")]
    Unknown,
    /// The value has another type.
    #[error("must be a {0}")]
    IsNotA(&'static str),
    /// No key can be called so.
    #[error("is {0}")]
    BadKeyId(#[from] BadKeyId),
    /// There is no such key.
    #[error("names the key `{0}`, which does not exist")]
    NoSuchKey(KeyId),
    /// The key has no secret, or two.
    #[error("needs either `secret`, or `file` with the path of a file that contains the secret")]
    NotOneSecret,
    /// The secret cannot be decoded.
    #[error(
        "must be base64 in one line, with padding; `openssl rand -base64 32` generates a secret"
    )]
    NotBase64,
    /// The secret can be guessed.
    #[error("has {0} bytes; it must have at least {SHORTEST} random bytes")]
    TooShort(usize),
}
