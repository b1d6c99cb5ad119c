//! What systemd is told (`Type=notify`, `WatchdogSec=`). Without systemd nothing is sent.

use sd_notify::{NotifyState, notify, watchdog_enabled};

/// Tells that requests are answered, and from then on that the runtime still makes progress.
pub(super) fn ready() {
    tell(NotifyState::Ready);
    if let Some(limit) = watchdog_enabled() {
        tokio::spawn(async move {
            // Half of the limit, as sd_watchdog_enabled(3) recommends.
            let mut interval = tokio::time::interval(limit / 2);
            loop {
                interval.tick().await;
                tell(NotifyState::Watchdog);
            }
        });
    }
}

/// Tells that the process finishes its requests and exits.
pub(super) fn stopping() {
    tell(NotifyState::Stopping);
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = notify(&[state]) {
        tracing::warn!("systemd cannot be told: {error}");
    }
}
