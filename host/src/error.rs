use std::net::SocketAddr;
use std::path::PathBuf;

use pilotlight_build::TaskError;
use pilotlight_router::RouteError;
use tokio::task::JoinError;

/// Result with [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of building, loading and serving functions.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The function's component could not be built, compiled or loaded.
    #[error(transparent)]
    Build(pilotlight_build::Error),
    /// A graph could not be loaded, or its backend is not available.
    #[error(transparent)]
    Graph(#[from] pilotlight_inference::Error),
    /// A component cannot be run in the sandbox.
    #[error(transparent)]
    Sandbox(#[from] pilotlight_sandbox::Error),
    /// A version did not pass its smoke test, and does not serve.
    #[error("{name}: {reason}")]
    SmokeTest {
        /// What it was loaded from.
        name: String,
        /// What went wrong.
        reason: String,
    },
    /// The function does not exist.
    #[error("function {name} does not exist; functions are {known}")]
    NoFunction {
        /// What was asked for.
        name: String,
        /// Those there are.
        known: String,
    },
    /// A change of the function is in progress.
    #[error("a change of function {name} is in progress; try again when it has finished")]
    Changing {
        /// The function.
        name: String,
    },
    /// There is no version to roll back to.
    #[error("function {name} has no previous version to roll back to")]
    NoPrevious {
        /// The function.
        name: String,
    },
    /// Routes are not valid.
    #[error("{}", listed(.0))]
    Routes(Vec<RouteError>),
    /// The source of a function could not be fetched; the message names it and the reason.
    #[error("{0}")]
    Fetch(String),
    /// An option is out of range.
    #[error("{0}")]
    Options(String),
    /// An `[auth]` section is not valid.
    #[error("auth `{name}`: {source}")]
    Auth {
        /// The access.
        name: String,
        /// What is wrong with it or its files.
        source: pilotlight_auth::Error,
    },
    /// A `[deidentify]` section is not valid.
    #[error("deidentify `{name}`: {source}")]
    Deidentifier {
        /// The de-identification.
        name: String,
        /// What is wrong with it.
        source: pilotlight_deidentify::OptionsError,
    },
    /// A version of a function does not fit the de-identification of its routes.
    #[error("deidentify `{name}` of function `{function}`: {source}")]
    NotDeidentified {
        /// The de-identification.
        name: String,
        /// The function.
        function: String,
        /// What does not fit.
        source: pilotlight_deidentify::Unfit,
    },
    /// The keyring of a `[deidentify]` section cannot be used.
    #[error(transparent)]
    Keys(#[from] pilotlight_deidentify::KeyringError),
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// An address could not be bound.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A Unix socket could not be created.
    #[error("cannot listen at {}: {reason}", path.display())]
    Socket {
        /// Its path.
        path: PathBuf,
        /// What is in the way.
        reason: String,
    },
    /// A certificate or its key cannot be used.
    #[error("{} {reason}", path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A task of the host ended without a result.
    #[error(transparent)]
    Task(#[from] TaskError),
}

impl From<pilotlight_build::Error> for Error {
    fn from(error: pilotlight_build::Error) -> Self {
        match error {
            pilotlight_build::Error::Graph(error) => Self::Graph(error),
            pilotlight_build::Error::Sandbox(error) => Self::Sandbox(error),
            pilotlight_build::Error::Task(error) => Self::Task(error),
            error => Self::Build(error),
        }
    }
}

/// Longest name that is told back to whoever asked for it.
const LONGEST_NAME: usize = 64;

impl Error {
    /// There is no function called `name` among `known`.
    pub fn no_function<'a>(name: &str, known: impl IntoIterator<Item = &'a String>) -> Self {
        let known: Vec<&str> = known.into_iter().map(String::as_str).collect();
        Self::NoFunction {
            name: name.chars().take(LONGEST_NAME).collect(),
            known: known.join(", "),
        }
    }

    /// Maps an I/O error on `path`.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    /// Maps the end of a Tokio task without a result: it panicked, or its runtime ends.
    pub fn unfinished(task: &'static str) -> impl FnOnce(JoinError) -> Self {
        move |error| TaskError::of(task)(error).into()
    }
}

fn listed(errors: &[RouteError]) -> String {
    errors.iter().map(RouteError::to_string).collect::<Vec<_>>().join("\n")
}
