//! Sessions: requests that the function answers while the client sends them. Received data waits for the function within
//! limits. If a session exceeds a limit, the function gets the reason, sends it to the client, and ends.
//! Used by `deploy` and `deidentification`. Does not know audio or texts.

mod answer;
mod input;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body::Body as _;
use http_body_util::BodyExt as _;
use wasmtime_wasi_http::WasiBody;

pub(crate) use answer::SessionAnswer;
use input::{Input, InputBody};

/// Limits of each session of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionLimits {
    /// Maximum silence of a client.
    pub idle: Duration,
    /// Maximum number of bytes that have arrived and that the function has not read. A client whose
    /// body has a known length is read more slowly instead.
    pub behind: usize,
    /// Maximum length of a session.
    pub length: Duration,
    /// Maximum time for which data that has arrived waits for the function.
    pub patience: Duration,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(30),
            behind: 1 << 20,
            length: Duration::from_secs(4 * 60 * 60),
            patience: Duration::from_secs(10),
        }
    }
}

/// What the two sides of a session share.
type Shared = Arc<Mutex<Input>>;

fn locked(shared: &Shared) -> std::sync::MutexGuard<'_, Input> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The body of a session's request on its way to the function, and what watches over it while the answer is
/// written.
pub(crate) struct Session {
    shared: Shared,
}

impl Session {
    /// Has `body` read within `limits`. Returns what the function reads instead.
    pub(crate) fn begin(body: WasiBody, limits: SessionLimits) -> (Self, WasiBody) {
        let is_live = body.size_hint().exact().is_none();
        let shared = Arc::new(Mutex::new(Input::new(body, limits, is_live)));
        let body = InputBody::new(Arc::clone(&shared)).boxed_unsync();
        (Self { shared }, body)
    }
}

#[cfg(test)]
mod tests;
