//! Shutdown of the server.

use std::time::Duration;

use pilotlight::Readiness;
use tokio::signal::unix::{SignalKind, signal};

/// Waits for SIGINT or SIGTERM.
pub(super) fn asked() -> std::io::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Reports not ready, and gives load balancers `delay` to notice.
pub(super) async fn prepare(readiness: Readiness, delay: Duration) {
    readiness.set(false);
    tokio::spawn(exit_when_asked_again());
    if !delay.is_zero() {
        eprintln!("stopping: reporting not ready; still accepting requests for {delay:?}");
        tokio::time::sleep(delay).await;
    }
    eprintln!("stopping: finishing requests in flight");
}

/// Exits on a second signal.
async fn exit_when_asked_again() {
    if let Ok(asked) = asked() {
        asked.await;
        std::process::exit(130);
    }
}
