use std::path::PathBuf;

/// Result with [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of a measurement.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text given by the user cannot be read; the reason says what to write.
    #[error("{what} {value:?}: {reason}")]
    Syntax {
        /// What the text should be.
        what: &'static str,
        /// The text.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Options are out of range or do not go together.
    #[error("{0}")]
    Options(String),
    /// A target cannot be reached.
    #[error(
        "target {name}: cannot connect to {url}: {source}; start the server or correct --target"
    )]
    Unreachable {
        /// The target.
        name: String,
        /// Its address.
        url: String,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// A command did not send its first response.
    #[error("{name}: {reason}{}", shown(output))]
    Start {
        /// The command's name.
        name: String,
        /// What happened.
        reason: String,
        /// The last lines that the command wrote.
        output: String,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// A line of a file cannot be used.
    #[error("{}, line {line}: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The operating system refused something the measurement needs.
    #[error("cannot {action}: {source}")]
    System {
        /// What was tried.
        action: &'static str,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The report could not be serialized.
    #[error("cannot write the report as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The histogram of latencies could not be created.
    #[error("cannot record latencies: {0}")]
    Histogram(#[from] hdrhistogram::CreationError),
}

impl Error {
    pub(crate) fn syntax(what: &'static str, value: &str, reason: impl Into<String>) -> Self {
        Self::Syntax { what, value: value.to_owned(), reason: reason.into() }
    }

    /// Maps an I/O error on `path`.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    /// Maps an I/O error met while doing `action`.
    pub(crate) fn system(action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::System { action, source }
    }
}

fn shown(output: &str) -> String {
    if output.is_empty() { String::new() } else { format!("; it wrote:\n{output}") }
}
