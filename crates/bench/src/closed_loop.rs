//! Workers that each send a request when they have the response to the previous one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::failure::Failure;
use crate::session::Session;

/// The delay of a worker after a refused connection. Without it, a run would only measure a tight
/// loop of refusals.
const AFTER_REFUSAL: Duration = Duration::from_millis(1);

/// Runs one round; returns when each worker has its last response.
pub(crate) async fn run(session: &Arc<Session>, concurrency: usize) {
    let closes = session.round().closes();
    // A single worker is polled by the calling thread itself.
    let mut others = JoinSet::new();
    for _ in 1..concurrency {
        let session = Arc::clone(session);
        others.spawn(async move { work(&session, closes).await });
    }
    work(session, closes).await;
    while others.join_next().await.is_some() {}
}

async fn work(session: &Session, closes: Instant) {
    loop {
        let due = Instant::now();
        if due >= closes {
            return;
        }
        let outcome = session.exchange(session.requests.next(), due).await;
        if matches!(outcome, Err(Failure::Connect)) {
            tokio::time::sleep(AFTER_REFUSAL).await;
        }
    }
}
