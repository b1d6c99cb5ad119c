//! Canaries under way: moved on, or back, while their routes are at work.

use std::sync::{Arc, Weak};
use std::time::Duration;

use pilotlight_router::Event;
use pilotlight_telemetry::{Metrics, Rollback};

use super::Routing;

/// How often canaries are looked at.
const TEND: Duration = Duration::from_millis(250);

impl Routing {
    /// Tends its canaries, if it has any, for as long as it is at work; `metrics` are told.
    pub(crate) fn tend(self: &Arc<Self>, metrics: &Metrics) {
        if self.router.canaries().next().is_some() {
            tokio::spawn(tend(Arc::downgrade(self), metrics.clone()));
        }
    }

    /// Moves canaries on, or back, which `metrics` are told.
    fn advance_canaries(&self, metrics: &Metrics) {
        for (index, canary) in self.router.canaries() {
            let route = self.router.name(index).unwrap_or_default();
            match canary.advance(self.began.elapsed()) {
                Event::Hold => {}
                Event::Moved { share } => tracing::info!(%route, share, "the canary has moved to \
                    its next step"),
                Event::Finished => tracing::info!(%route, "the canary has completed its last step"),
                Event::RolledBack { reason } => {
                    tracing::error!(%route, %reason, "the canary is rolled back");
                    let route = self.router.routes().nth(index);
                    if let Some(canary) = route.and_then(|route| route.canary.as_ref()) {
                        metrics.rolled_back(&canary.target.function, Rollback::Canary);
                    }
                }
            }
        }
    }
}

async fn tend(routing: Weak<Routing>, metrics: Metrics) {
    let mut ticks = tokio::time::interval(TEND);
    loop {
        ticks.tick().await;
        match routing.upgrade() {
            Some(routing) => routing.advance_canaries(&metrics),
            None => return,
        }
    }
}
