//! Canaries under way: moved on, or back, while their rules are at work.

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
            let rule = self.router.name(index).unwrap_or_default();
            match canary.advance(self.began.elapsed()) {
                Event::Hold => {}
                Event::Moved { share } => tracing::info!(%rule, share, "the canary moves on"),
                Event::Finished => tracing::info!(%rule, "the canary has come through"),
                Event::RolledBack { reason } => {
                    tracing::error!(%rule, %reason, "the canary is rolled back");
                    let rule = self.router.rules().nth(index);
                    if let Some(canary) = rule.and_then(|rule| rule.canary.as_ref()) {
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
