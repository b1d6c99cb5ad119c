//! What guests give as errors, as the log may have it: their words may be those of a request.

use std::error::Error as StdError;
use std::fmt::Debug;

use wasmtime_wasi_http::{Error as HttpError, p2, p3};

/// What went wrong, in the host's words and the names of codes.
pub fn told(error: &wasmtime::Error) -> String {
    error.chain().map(cause).collect::<Vec<_>>().join(": ")
}

fn cause(error: &(dyn StdError + 'static)) -> String {
    if let Some(code) = error.downcast_ref::<p3::bindings::http::types::ErrorCode>() {
        name(code)
    } else if let Some(code) = error.downcast_ref::<p2::bindings::http::types::ErrorCode>() {
        name(code)
    } else if let Some(error) = error.downcast_ref::<HttpError>() {
        name(error)
    } else {
        error.to_string()
    }
}

/// The name of a code, without what comes with it.
pub fn name(code: &impl Debug) -> String {
    let text = format!("{code:?}");
    text.split(['(', '{', ' ']).next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_told_by_their_names_alone() {
        let said = || Some("my name is Ada".to_owned());
        let errors = [
            wasmtime::Error::from(p3::bindings::http::types::ErrorCode::InternalError(said())),
            wasmtime::Error::from(p2::bindings::http::types::ErrorCode::InternalError(said())),
            wasmtime::Error::from(HttpError::InternalError(said())),
            wasmtime::Error::from(HttpError::DnsError { rcode: said(), info_code: None }),
        ];
        for error in errors {
            let told = told(&error.context("no answer"));
            assert!(told.starts_with("no answer: ") && !told.contains("Ada"), "{told}");
            assert!(told.contains("InternalError") || told.contains("DnsError"), "{told}");
        }
    }

    #[test]
    fn everything_else_is_told_with_its_causes() {
        let error = wasmtime::Error::from(wasmtime::Trap::StackOverflow).context("handle");
        assert_eq!(told(&error), format!("{error:#}"));
    }
}
