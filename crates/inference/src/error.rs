use std::path::PathBuf;
use std::time::Duration;

/// Errors of loading and computing graphs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A tensor or a set of inputs that the graph cannot take; says which and why.
    #[error("{0}")]
    InvalidInput(String),
    /// A file or bytes that are no graph this backend can load.
    #[error("{graph}: {reason}")]
    InvalidGraph {
        /// The file, or the name of the graph.
        graph: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No graph has this name.
    #[error("graph {name:?} does not exist; loaded graphs are {loaded}")]
    NotFound {
        /// The name that was asked for.
        name: String,
        /// Names that exist.
        loaded: String,
    },
    /// Tensors, or a graph, that exceed a limit.
    #[error("{0}")]
    TooLarge(String),
    /// The queue of the graph is full.
    #[error("the queue of graph {graph:?} is full with {waiting} computations")]
    Busy {
        /// The graph.
        graph: String,
        /// How many wait.
        waiting: usize,
        /// When there should be room.
        retry_after: Duration,
    },
    /// The backend failed on inputs that looked right.
    #[error("graph {graph:?} failed: {reason}")]
    Failed {
        /// The graph.
        graph: String,
        /// What the backend said.
        reason: String,
    },
    /// The process that computes has ended, and is being started again.
    #[error("the isolated backend of graph {graph:?} has ended and is being restarted")]
    Restarting {
        /// The graph.
        graph: String,
        /// When it should be there again.
        retry_after: Duration,
    },
    /// The backend or device is not to be had here.
    #[error("{0}")]
    Unavailable(String),
    /// A file could not be read.
    #[error("{}: {reason}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        reason: String,
    },
}

/// Errors of a run, regardless of the graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The engine failed, and this is what it said.
    #[error("{0}")]
    Failed(String),
    /// The process that computes has ended, and is being started again.
    #[error("the isolated backend has ended and is being restarted")]
    Restarting {
        /// When it should be there again.
        retry_after: Duration,
    },
}

impl RunError {
    /// The same, of `graph`.
    pub(crate) fn of(self, graph: &str) -> Error {
        let graph = graph.to_owned();
        match self {
            Self::Failed(reason) => Error::Failed { graph, reason },
            Self::Restarting { retry_after } => Error::Restarting { graph, retry_after },
        }
    }
}

impl From<String> for RunError {
    fn from(reason: String) -> Self {
        Self::Failed(reason)
    }
}

impl From<&str> for RunError {
    fn from(reason: &str) -> Self {
        Self::Failed(reason.to_owned())
    }
}

/// Result with [`Error`].
pub type Result<T> = std::result::Result<T, Error>;
