//! Why a stream ends before its time. No message holds any of the stream's text.

/// Errors of a stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError<E> {
    /// A text could not be rewritten.
    #[error("{0}")]
    Rewrite(E),
    /// The stream is no UTF-8.
    #[error("the stream is not UTF-8 at byte {0}")]
    Encoding(u64),
    /// The data that has to be buffered exceeds a limit.
    #[error("{what} exceeds {limit} bytes")]
    TooLong {
        /// What is held.
        what: &'static str,
        /// How many bytes it may have.
        limit: usize,
    },
    /// An event that is not what its protocol has.
    #[error("event {number}: {reason}")]
    Event {
        /// The number of the event, from 1.
        number: u64,
        /// What is wrong.
        reason: &'static str,
    },
}

/// Error that is sent to a client when a stream ends early.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'a> {
    /// A stable name for programs, such as `busy`.
    pub error_type: &'a str,
    /// Message for people.
    pub message: &'a str,
}

/// Why an event cannot be passed on.
#[derive(Debug)]
pub(crate) enum Refused<E> {
    Rewrite(E),
    Event(&'static str),
    Arguments,
}

impl<E> From<E> for Refused<E> {
    fn from(error: E) -> Self {
        Self::Rewrite(error)
    }
}
