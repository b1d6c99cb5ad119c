use std::time::Duration;

use pilotlight_inference::Error;
use pilotlight_wire::{TryLater, TryLaterCause};

use super::types::{ErrorCode, GuestError};

/// An error as guests see it.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) GuestError);

impl Refusal {
    pub(super) fn new(code: ErrorCode, data: String) -> Self {
        Self(GuestError { code, data })
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::InvalidInput(_) => ErrorCode::InvalidArgument,
            Error::InvalidGraph { .. } => ErrorCode::InvalidEncoding,
            Error::NotFound { .. } => ErrorCode::NotFound,
            Error::TooLarge(_) => ErrorCode::TooLarge,
            Error::Unavailable(_) => ErrorCode::UnsupportedOperation,
            Error::Busy { .. }
            | Error::Restarting { .. }
            | Error::Failed { .. }
            | Error::Io { .. } => ErrorCode::RuntimeError,
            _ => ErrorCode::Unknown,
        };
        let reason = error.to_string();
        let data = match &error {
            Error::Busy { retry_after, .. } => try_later(TryLaterCause::Busy, *retry_after, reason),
            Error::Restarting { retry_after, .. } => {
                try_later(TryLaterCause::Restarting, *retry_after, reason)
            }
            _ => reason,
        };
        Self::new(code, data)
    }
}

/// The data of an error that says when to call again, in whole seconds.
fn try_later(cause: TryLaterCause, time: Duration, reason: String) -> String {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    let retry_after = u32::try_from(seconds).unwrap_or(u32::MAX);
    TryLater { cause, retry_after, reason }.to_data()
}
