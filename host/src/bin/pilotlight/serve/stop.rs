//! How serving comes to its end.

use std::time::Duration;

use pilotlight::Readiness;
use tokio::signal::unix::{SignalKind, signal};

/// SIGINT or SIGTERM.
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

/// Tells load balancers, and gives them `delay` to notice.
pub(super) async fn prepare(readiness: Readiness, delay: Duration) {
    readiness.set(false);
    tokio::spawn(exit_when_asked_again());
    if !delay.is_zero() {
        eprintln!("stopping: not ready any more, taking requests for another {delay:?}");
        tokio::time::sleep(delay).await;
    }
    eprintln!("stopping: finishing the requests in flight");
}

/// Somebody does not want to wait.
async fn exit_when_asked_again() {
    if let Ok(asked) = asked() {
        asked.await;
        std::process::exit(130);
    }
}
