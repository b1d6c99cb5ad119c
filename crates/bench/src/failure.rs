use std::error::Error as _;
use std::io;

use http::StatusCode;

/// Why a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No connection could be opened.
    Connect,
    /// The timeout expired.
    Timeout,
    /// The connection was closed before the last byte of the response.
    Reset,
    /// The response is not valid HTTP.
    Protocol,
    /// The status of the response is an error.
    Status(StatusCode),
}

impl From<hyper::Error> for Failure {
    fn from(error: hyper::Error) -> Self {
        let mut cause = error.source();
        while let Some(inner) = cause {
            if let Some(io) = inner.downcast_ref::<io::Error>() {
                return match io.kind() {
                    io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => Self::Protocol,
                    _ => Self::Reset,
                };
            }
            cause = inner.source();
        }
        if error.is_parse() || error.is_user() { Self::Protocol } else { Self::Reset }
    }
}
