use std::path::PathBuf;

use pilotlight_model::Digest;

/// Result with [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of push and pull.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Text that names nothing in a registry.
    #[error("{text:?}: {reason}; write oci://HOST[:PORT]/REPOSITORY[:TAG][@sha256:DIGEST]")]
    Reference {
        /// The text.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Credentials are configured but cannot be used.
    #[error("credentials for {registry}: {reason}")]
    Credentials {
        /// The registry.
        registry: String,
        /// What is wrong with them, and what to do.
        reason: String,
    },
    /// The file to push is not a component.
    #[error("only WebAssembly components can be pushed: {0}")]
    Component(String),
    /// The registry does not answer, or not in HTTP.
    #[error("{registry}: {reason}")]
    Unreachable {
        /// The registry, or who it referred to.
        registry: String,
        /// What was met.
        reason: String,
    },
    /// The registry wants credentials, or others.
    #[error("{registry} {reason}")]
    Unauthorized {
        /// The registry.
        registry: String,
        /// What it wants.
        reason: String,
    },
    /// The registry knows who asks and refuses.
    #[error("{reference}: {registry} does not allow {doing}{message}")]
    Denied {
        /// What was pushed or pulled.
        reference: String,
        /// The registry.
        registry: String,
        /// What was tried.
        doing: &'static str,
        /// What the registry says, after a colon.
        message: String,
    },
    /// There is nothing of that name.
    #[error("{reference} does not exist{message}")]
    NotFound {
        /// What was looked for.
        reference: String,
        /// What the registry says, after a colon.
        message: String,
    },
    /// The registry has had enough requests for now.
    #[error("{registry} limits the rate of requests; try again {when}")]
    TooManyRequests {
        /// The registry.
        registry: String,
        /// When.
        when: String,
    },
    /// The registry failed, or answered what it should not.
    #[error("{registry}, {doing}: {message}")]
    Answer {
        /// The registry, or who it referred to.
        registry: String,
        /// What was tried.
        doing: &'static str,
        /// What it answered.
        message: String,
    },
    /// The reference does not name a component in the layout of Wasm artifacts.
    #[error("{reference} is not a WebAssembly component: {reason}")]
    Artifact {
        /// The reference.
        reference: String,
        /// What it is.
        reason: String,
    },
    /// The registry does not have the graph that an artifact names.
    #[error(
        "{reference}: its graph, blob sha256:{digest}, is not in the registry; copy the artifact with its \
         referrers, or push it again"
    )]
    NoGraph {
        /// The reference.
        reference: String,
        /// The digest of the graph.
        digest: Digest,
    },
    /// A component or a graph larger than allowed.
    #[error("{reference} has {size} bytes, more than the maximum of {limit} for a pull")]
    TooLarge {
        /// The reference, or the graph of one.
        reference: String,
        /// Its size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// Bytes that are not those that were asked for.
    #[error("{what} has the digest sha256:{found} instead of sha256:{expected}; it is discarded")]
    Digest {
        /// Which bytes.
        what: String,
        /// The digest that was asked for.
        expected: Digest,
        /// The digest they have.
        found: Digest,
    },
    /// An answer that ends too early.
    #[error("{what} ends after {found} of {expected} bytes; try again")]
    Truncated {
        /// Which bytes.
        what: String,
        /// How many should have come.
        expected: u64,
        /// How many came.
        found: u64,
    },
    /// A model could not be fetched from Hugging Face's Hub.
    #[error("{model}: {reason}")]
    Hub {
        /// The model, or the variable that is wrong.
        model: String,
        /// What was met, and what to do.
        reason: String,
    },
    /// The component could not be written to where the caller wants it.
    #[error("the component cannot be written: {0}")]
    Write(#[source] std::io::Error),
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
}

impl Error {
    /// Whether the registry cannot be asked for now, so that what it said before may still hold.
    pub fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::TooManyRequests { .. } | Self::Answer { .. }
        )
    }

    /// Maps an I/O error on `path`.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
