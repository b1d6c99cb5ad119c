use std::time::Duration;

use http::StatusCode;

/// Result of a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RequestOutcome {
    /// Status of the response; 499 if the client disconnected.
    pub status: StatusCode,
    /// Kind of the error, if there was one.
    pub kind: Option<ErrorKind>,
    /// Durations of the stages.
    pub stages: Stages,
    /// Time from the arrival of the request to the last byte of its response.
    pub total: Duration,
}

/// Time spent on the path of a request, in the order in which it is spent. A stage that was not
/// gone through, or of which nothing is known, is `None`: it is not counted as zero.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Stages {
    /// Waiting for an instance.
    pub queue: Option<Duration>,
    /// Making the instance, when none was ready.
    pub instantiate: Option<Duration>,
    /// In the instance, up to the head of its answer; the following are parts of it.
    pub guest: Option<Duration>,
    /// Text to tokens.
    pub tokenize: Option<Duration>,
    /// Inference, wherever it is done.
    pub compute: Option<Duration>,
    /// Scores to entities; and JSON to texts before, and to an answer after it.
    pub decode: Option<Duration>,
}

/// A stage of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Queue,
    Instantiate,
    Guest,
    Tokenize,
    Compute,
    Decode,
}

impl Stage {
    pub(crate) const ALL: [Self; 6] =
        [Self::Queue, Self::Instantiate, Self::Guest, Self::Tokenize, Self::Compute, Self::Decode];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Instantiate => "instantiate",
            Self::Guest => "guest",
            Self::Tokenize => "tokenize",
            Self::Compute => "compute",
            Self::Decode => "decode",
        }
    }
}

impl Stages {
    pub(crate) fn get(&self, stage: Stage) -> Option<Duration> {
        match stage {
            Stage::Queue => self.queue,
            Stage::Instantiate => self.instantiate,
            Stage::Guest => self.guest,
            Stage::Tokenize => self.tokenize,
            Stage::Compute => self.compute,
            Stage::Decode => self.decode,
        }
    }
}

/// Gives each kind its name in labels and attributes.
macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident = $name:literal,)+) => {
        /// Kind of an error of a request.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $($(#[doc = $doc])+ $kind,)+
        }

        impl ErrorKind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$kind,)+];

            /// Name in labels and attributes.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)+
                }
            }
        }
    };
}

kinds! {
    /// The guest panicked or reached code that it must not reach.
    Panic = "panic",
    /// The guest's stack was exhausted.
    StackOverflow = "stack_overflow",
    /// The guest trapped for another reason, such as an access out of bounds.
    Trap = "trap",
    /// The answer took too long.
    Timeout = "timeout",
    /// The guest computed for too long.
    Cpu = "cpu",
    /// The guest wanted more memory than it may have.
    OutOfMemory = "out_of_memory",
    /// The guest ended without an answer.
    NoResponse = "no_response",
    /// The guest failed after the head of its answer had been sent.
    HalfResponse = "half_response",
    /// No instance became free in time.
    Overloaded = "overloaded",
    /// Too many requests wait already.
    QueueFull = "queue_full",
    /// The caller asks more often than agreed.
    RateLimited = "rate_limited",
    /// The caller did not prove who it is.
    Unauthorized = "unauthorized",
    /// The caller is known, and may not ask for this.
    Forbidden = "forbidden",
    /// No route or function is for this request.
    NotFound = "not_found",
    /// The request cannot be understood.
    Malformed = "malformed",
    /// The request is larger than it may be.
    TooLarge = "too_large",
    /// The caller went away before it was answered.
    Disconnected = "disconnected",
    /// Something else on the host.
    Internal = "internal",
}
