use std::any::Any;
use std::net::SocketAddr;
use std::path::PathBuf;

use pilotlight_model::ModelError;
use pilotlight_router::RouteError;
use tokio::task::JoinError;

/// Result with [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Why a function could not be built, loaded or served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The model folder was refused before the sandbox saw it.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The guest refused the model; the message names the file and the reason.
    #[error("{0}")]
    Refused(String),
    /// A graph could not be loaded, or its backend is not to be had.
    #[error(transparent)]
    Graph(#[from] pilotlight_inference::Error),
    /// A component cannot be run in the sandbox.
    #[error(transparent)]
    Sandbox(#[from] pilotlight_sandbox::Error),
    /// The guest's initialiser was stopped.
    #[error(
        "the model could not be loaded in the sandbox: {0}; the model may be too large or too slow to load"
    )]
    Initialiser(String),
    /// This build carries no guest component.
    #[error(
        "this build of pilotlight carries no guest component; build it with `cargo xtask build`, \
         or name one with --guest FILE"
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
    /// A version did not prove itself, and does not serve.
    #[error("{name}: {reason}")]
    Trial {
        /// What it was loaded from.
        name: String,
        /// What went wrong.
        reason: String,
    },
    /// There is no such function.
    #[error("there is no function {name}; there are {known}")]
    NoFunction {
        /// What was asked for.
        name: String,
        /// Those there are.
        known: String,
    },
    /// A function is being changed.
    #[error("function {name} is being changed; try again when that has ended")]
    Changing {
        /// The function.
        name: String,
    },
    /// There is no version to go back to.
    #[error("function {name} has no previous version to go back to")]
    NoPrevious {
        /// The function.
        name: String,
    },
    /// Routes that cannot be followed.
    #[error("{}", listed(.0))]
    Routes(Vec<RouteError>),
    /// An option is out of range.
    #[error("{0}")]
    Options(String),
    /// It cannot be said who may ask.
    #[error("auth `{name}`: {source}")]
    Auth {
        /// The access.
        name: String,
        /// What is wrong with it or its files.
        source: pilotlight_auth::Error,
    },
    /// Nothing can be de-identified as it was said.
    #[error("deidentify `{name}`: {source}")]
    Deidentifier {
        /// The de-identification.
        name: String,
        /// What is wrong with it.
        source: pilotlight_deidentify::OptionsError,
    },
    /// A version of a function does not have what a de-identification of its routes needs.
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
    Keys(#[from] pilotlight_deidentify::RingError),
    /// The cache folder cannot be used.
    #[error("cache folder {}: {reason}; name another with --cache-dir", path.display())]
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
    /// An address could not be bound.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A Unix socket could not be made.
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
    /// A task of the host panicked: a defect of pilotlight, not of what it was given.
    #[error(
        "internal error: {task} panicked: {message}; this is a defect in pilotlight, please report \
         it with what the log says"
    )]
    Panicked {
        /// What was being done.
        task: &'static str,
        /// What the panic said.
        message: String,
    },
    /// A task was stopped before its end.
    #[error("{task} was stopped before its end: the process is ending; try again once it serves")]
    Stopped {
        /// What was being done.
        task: &'static str,
    },
    /// Wasmtime failed where neither model nor file is to blame.
    #[error("{context}: {message}")]
    Runtime {
        /// What was tried.
        context: &'static str,
        /// What Wasmtime said.
        message: String,
    },
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

    /// Maps a Wasmtime error met while doing `context`.
    pub(crate) fn runtime(context: &'static str) -> impl FnOnce(wasmtime::Error) -> Self {
        move |error| Self::Runtime { context, message: format!("{error:#}") }
    }
}

fn listed(errors: &[RouteError]) -> String {
    errors.iter().map(RouteError::to_string).collect::<Vec<_>>().join("\n")
}
