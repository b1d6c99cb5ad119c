//! A function that does nothing but fail is slowed down, so that it does not burn the processor
//! that others need. Nobody is refused for it: a request that it can answer ends the slow pace.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};
use tokio::time::sleep;

/// So many failures in a row, with no answer between them, are no accident.
const TOLERATED: u32 = 16;
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Counts failures in a row, and sets the pace.
#[derive(Debug, Default)]
pub(crate) struct CrashLoop {
    failures: AtomicU32,
    turn: Mutex<()>,
}

impl CrashLoop {
    /// While the function only fails: one request after the other, each after a pause that doubles.
    /// Whoever holds the turn is the only one that the function works for.
    pub(crate) async fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        self.pause()?;
        let turn = self.turn.lock().await;
        // The one before may have been answered.
        sleep(self.pause()?).await;
        Some(turn)
    }

    pub(crate) fn succeeded(&self) {
        // Read first: a write would take the line from the other cores at each request.
        if self.failures.load(Ordering::Relaxed) > 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    pub(crate) fn failed(&self) {
        let before = self.failures.fetch_add(1, Ordering::Relaxed);
        if before.saturating_add(1) == TOLERATED {
            tracing::warn!(
                failures = TOLERATED,
                "the function does nothing but fail; its requests are slowed down"
            );
        }
    }

    /// Whether requests are slowed down.
    pub(crate) fn is_on(&self) -> bool {
        self.pause().is_some()
    }

    fn pause(&self) -> Option<Duration> {
        let beyond = self.failures.load(Ordering::Relaxed).checked_sub(TOLERATED)?;
        Some(FIRST_PAUSE.saturating_mul(1 << beyond.min(16)).min(LONGEST_PAUSE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(times: u32) -> CrashLoop {
        let crash_loop = CrashLoop::default();
        (0..times).for_each(|_| crash_loop.failed());
        crash_loop
    }

    #[tokio::test]
    async fn failures_in_a_row_slow_down_and_an_answer_ends_that() {
        let crash_loop = failing(TOLERATED - 1);
        assert!(crash_loop.turn().await.is_none());
        crash_loop.failed();
        assert!(crash_loop.turn().await.is_some());
        crash_loop.succeeded();
        assert!(crash_loop.turn().await.is_none());
    }

    #[test]
    fn pauses_double_up_to_a_bound() {
        for (failures, pause) in [(0, 10), (1, 20), (2, 40), (7, 1000), (100_000, 1000)] {
            let pause = Duration::from_millis(pause);
            assert_eq!(failing(TOLERATED + failures).pause(), Some(pause));
        }
    }

    #[tokio::test]
    async fn who_waits_for_his_turn_goes_on_when_another_was_answered() {
        let crash_loop = failing(TOLERATED);
        let turn = crash_loop.turn().await;
        assert!(turn.is_some());
        let mut waiting = Box::pin(crash_loop.turn());
        assert!(futures::future::poll_immediate(&mut waiting).await.is_none());
        crash_loop.succeeded();
        drop(turn);
        assert!(waiting.await.is_none());
    }
}
