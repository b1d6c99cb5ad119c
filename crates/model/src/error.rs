use std::path::PathBuf;

/// Errors of a model folder or one of its files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The folder or one of its files is not there or cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// `model.toml` is not TOML, or not a manifest.
    #[error("{}: not a model manifest: {message}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// The place and the mistake.
        message: String,
    },
    /// A file the task cannot do without is not listed in the manifest.
    #[error("{}: does not list {file}; add [files.\"{file}\"] with its sha256", path.display())]
    NotListed {
        /// The manifest.
        path: PathBuf,
        /// The file that is missing from it.
        file: String,
    },
    /// A name is not the path of a file inside the folder.
    #[error("{file}: is outside of the model folder; files must be in it")]
    OutsideFolder {
        /// The name as the manifest or the graph gives it.
        file: String,
    },
    /// A symbolic link leads out of the model folder, and out of the entry of a Hugging Face cache
    /// that the folder belongs to.
    #[error(
        "{}: not a regular file, but a link to {}, which is outside of the model folder; copy the \
         file into the folder", path.display(), target.display()
    )]
    LinkOutside {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// The path is a folder or a special file.
    #[error("{}: not a regular file; folders and special files are refused", path.display())]
    NotARegularFile {
        /// The offending path.
        path: PathBuf,
    },
    /// The file is larger than any model that fits a 32-bit sandbox.
    #[error("{}: has {bytes} bytes, more than the maximum of {limit}", path.display())]
    TooLarge {
        /// The offending file.
        path: PathBuf,
        /// Its size in bytes.
        bytes: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The content is not what the manifest promises.
    #[error("{}: SHA-256 is {found}, its manifest says {expected}", path.display())]
    WrongDigest {
        /// The offending file.
        path: PathBuf,
        /// The digest in the manifest, in hexadecimal.
        expected: String,
        /// The digest of the content, in hexadecimal.
        found: String,
    },
    /// A file of the folder says something that cannot be, or something is missing in the folder.
    #[error("{}: {reason}", path.display())]
    Unfit {
        /// The file, or the folder.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
}
