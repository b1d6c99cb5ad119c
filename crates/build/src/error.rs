use std::any::Any;
use std::path::PathBuf;

use pilotlight_model::ModelError;
use tokio::task::JoinError;

/// Result with [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of building, compiling and loading components.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The model folder was refused before the sandbox saw it.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The guest refused the model; the message names the file and the reason.
    #[error("{0}")]
    Refused(String),
    /// A graph could not be loaded, or its backend is not available.
    #[error(transparent)]
    Graph(#[from] pilotlight_inference::Error),
    /// A component cannot be run in the sandbox.
    #[error(transparent)]
    Sandbox(#[from] pilotlight_sandbox::Error),
    /// The guest's initializer was stopped.
    #[error("{}: the model could not be loaded in the sandbox: {reason}", path.display())]
    Initializer {
        /// The model folder.
        path: PathBuf,
        /// What stopped it, in one sentence.
        reason: String,
    },
    /// This build carries no guest component.
    #[error(
        "this build of pilotlight contains no guest component; build it with `cargo xtask build`, \
         or pass one with --guest FILE"
    )]
    NoGuest,
    /// A file is not a component that can be served.
    #[error("{name}: {reason}")]
    Component {
        /// The file.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The cache folder cannot be used.
    #[error("cache folder {}: {reason}; choose another one with --cache-dir", path.display())]
    Cache {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A task ended without a result.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// Wasmtime failed where neither model nor file is to blame.
    #[error("{context}: {message}")]
    Runtime {
        /// What was tried.
        context: &'static str,
        /// What Wasmtime said.
        message: String,
    },
}

impl Error {
    /// Whether this process failed, and not what it was given.
    pub fn is_internal(&self) -> bool {
        matches!(
            self,
            Self::Cache { .. } | Self::Runtime { .. } | Self::Initializer { .. } | Self::Task(_)
        )
    }

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

/// Errors of tasks without a result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// It panicked: a defect of pilotlight, not of what it was given.
    #[error(
        "internal error: {task} panicked: {message}; this is a defect in pilotlight, please report \
         it with the log"
    )]
    Panicked {
        /// What was being done.
        task: &'static str,
        /// What the panic said.
        message: String,
    },
    /// The task was canceled.
    #[error("{task} was canceled because the process is stopping; try again after the restart")]
    Stopped {
        /// What was being done.
        task: &'static str,
    },
}

impl TaskError {
    /// Maps the end of a Tokio task without a result: it panicked, or its runtime ends.
    pub fn of(task: &'static str) -> impl FnOnce(JoinError) -> Self {
        move |error| match error.try_into_panic() {
            Ok(payload) => Self::panicked(task, &*payload),
            Err(_) => Self::Stopped { task },
        }
    }

    /// Maps what a panic of `task` carried.
    pub(crate) fn panicked(task: &'static str, payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Self::Panicked { task, message: text.unwrap_or("no message").to_owned() }
    }
}
