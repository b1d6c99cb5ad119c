//! Notifications to systemd (`Type=notify`, `WatchdogSec=`). Without systemd nothing is sent.

use sd_notify::{NotifyState, notify, watchdog_enabled};

/// Notifies that the server answers requests, and from then on that the runtime makes progress.
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

/// Notifies that the process finishes its requests and exits.
pub(super) fn stopping() {
    tell(NotifyState::Stopping);
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = notify(&[state]) {
        tracing::warn!("the notification to systemd failed: {error}");
    }
}
