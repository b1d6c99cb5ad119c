//! Requests are sent when they are due, independent of responses to earlier ones.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::arrivals::Arrivals;
use crate::error::{Error, Result};
use crate::pacer;
use crate::round::Window;
use crate::session::Session;

/// How often requests are due in a round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    pub(crate) per_second: f64,
    pub(crate) arrivals: Arrivals,
    pub(crate) seed: u64,
}

impl Rate {
    /// Intended times in `window`, from the beginning of its warm-up. What is measured does not
    /// depend on the length of the warm-up.
    fn schedule(self, window: Window) -> impl Iterator<Item = Duration> + Send + 'static {
        let Window { warm_up, length, .. } = window;
        let before = self.arrivals.schedule(self.per_second, !self.seed);
        let measured = self.arrivals.schedule(self.per_second, self.seed);
        before
            .take_while(move |at| *at < warm_up)
            .chain(measured.take_while(move |at| *at < length).map(move |at| warm_up + at))
    }
}

/// Runs one round that begins at `begins`; returns when the last response has been received or has timed out.
pub(crate) async fn run(
    session: &Arc<Session>,
    rate: Rate,
    window: Window,
    begins: Instant,
) -> Result<()> {
    let (due, mut dues) = mpsc::unbounded_channel();
    pacer::start(begins, rate.schedule(window), due)
        .map_err(Error::system("start the pacer's thread"))?;
    // Closed when the last request has dropped its clone.
    let (in_flight, mut all_done) = mpsc::channel::<()>(1);
    while let Some(at) = dues.recv().await {
        session.round().record_sent(at, Instant::now());
        let (session, in_flight) = (Arc::clone(session), in_flight.clone());
        // Taken here, not in the task: bodies go out in order.
        let request = session.requests.next();
        tokio::spawn(async move {
            let _ = session.exchange(request, at).await;
            drop(in_flight);
        });
    }
    drop(in_flight);
    all_done.recv().await;
    Ok(())
}
