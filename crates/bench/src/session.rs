use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use crate::client::Client;
use crate::failure::Failure;
use crate::request::Requests;
use crate::round::Round;
use crate::tally::Outcome;

/// One round against one target while it runs.
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) requests: Arc<Requests>,
    pub(crate) timeout: Duration,
    pub(crate) round: Mutex<Round>,
}

impl Session {
    /// Sends a request that was due at `due` and records what became of it. Its time runs out
    /// `timeout` after `due`.
    pub(crate) async fn exchange(&self, request: Request<Full<Bytes>>, due: Instant) -> Outcome {
        let deadline = (due + self.timeout).into();
        let exchange = self.client.exchange(request);
        let outcome =
            tokio::time::timeout_at(deadline, exchange).await.unwrap_or(Err(Failure::Timeout));
        let done = Instant::now();
        self.round().record(due, done, &outcome);
        outcome
    }

    pub(crate) fn round(&self) -> MutexGuard<'_, Round> {
        self.round.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
