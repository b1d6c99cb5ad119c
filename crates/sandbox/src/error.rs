use std::path::PathBuf;

/// Result with [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of components that cannot be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A component cannot be linked, or does not serve `wasi:http`.
    #[error("{name}: {reason}")]
    Component {
        /// The component's file, or what else it is called.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The operating system refused a thread or a file.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file, or what the thread is for.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// Wasmtime failed where the component is not to blame.
    #[error("{context}: {message}")]
    Runtime {
        /// What was tried.
        context: &'static str,
        /// Wasmtime's error.
        message: String,
    },
}

impl Error {
    /// Maps an I/O error on `path`.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    /// Maps a Wasmtime error met while doing `context`.
    pub(crate) fn runtime(context: &'static str) -> impl FnOnce(wasmtime::Error) -> Self {
        move |error| Self::Runtime { context, message: format!("{error:#}") }
    }
}
