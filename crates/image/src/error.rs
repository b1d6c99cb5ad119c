use std::io;
use std::path::PathBuf;

/// Why an image could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A file or folder for the image cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The image cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The output path exists.
    #[error("{} exists; remove it, or name another folder", .0.display())]
    Exists(PathBuf),
    /// A file that is neither a file nor a folder.
    #[error("{} is neither a file nor a folder, and cannot be in an image", .0.display())]
    Kind(PathBuf),
    /// A path that names nothing below the root of an image.
    #[error(
        "{0:?} is not a path in an image: it has to be relative, in UTF-8 and without `.` and `..`"
    )]
    Path(String),
}
