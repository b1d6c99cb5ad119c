//! A function that does nothing but fail is slowed down, so that it does not burn the processor
//! that others need: it has a quarter of a core. An answer ends that at once.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, Notify};
use tokio::time::{Instant, sleep_until};

/// So many failures in a row, with no answer between them, are no accident.
const TOLERATED: u32 = 16;
/// A request is followed by a pause of so many times its length. Were it longer, those who can be
/// answered would wait in vain behind others whose failures cost next to nothing.
const PAUSE: u32 = 3;
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Counts failures in a row, and sets the pace.
#[derive(Debug)]
pub(crate) struct CrashBackoff {
    failures: AtomicU32,
    /// When the next turn may begin. Whoever holds it is the only one that the function works for.
    next: Mutex<Instant>,
    answered: Notify,
}

/// A request may begin; ends when dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    _held: Option<Held<'a>>,
}

#[derive(Debug)]
struct Held<'a> {
    next: MutexGuard<'a, Instant>,
    began: Instant,
}

impl Default for CrashBackoff {
    fn default() -> Self {
        let (failures, next) = (AtomicU32::new(0), Mutex::new(Instant::now()));
        Self { failures, next, answered: Notify::new() }
    }
}

impl CrashBackoff {
    /// While the function only fails: one request after the other, each after a pause.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        if !self.is_on() {
            return Turn { _held: None };
        }
        tokio::select! {
            biased;
            () = self.is_over() => Turn { _held: None },
            held = self.hold() => Turn { _held: Some(held) },
        }
    }

    /// The same for those who do not wait.
    pub(crate) fn try_turn(&self) -> Option<Turn<'_>> {
        if !self.is_on() {
            return Some(Turn { _held: None });
        }
        let next = self.next.try_lock().ok()?;
        let began = Instant::now();
        (*next <= began).then(|| Turn { _held: Some(Held { next, began }) })
    }

    async fn hold(&self) -> Held<'_> {
        let next = self.next.lock().await;
        sleep_until(*next).await;
        Held { next, began: Instant::now() }
    }

    async fn is_over(&self) {
        let answered = self.answered.notified();
        if self.is_on() {
            answered.await;
        }
    }

    /// A request was answered, to the last byte.
    pub(crate) fn succeeded(&self) {
        // Read first: a write would take the line from the other cores at each request.
        let failed = self.failures.load(Ordering::Relaxed) > 0;
        if failed && self.failures.swap(0, Ordering::SeqCst) >= TOLERATED {
            self.answered.notify_waiters();
        }
    }

    pub(crate) fn failed(&self) {
        let before = self.failures.fetch_add(1, Ordering::SeqCst);
        if before.saturating_add(1) == TOLERATED {
            tracing::warn!(
                failures = TOLERATED,
                "crash backoff: the function only fails; its requests are slowed down"
            );
        }
    }

    /// Whether requests are slowed down.
    pub(crate) fn is_on(&self) -> bool {
        self.failures.load(Ordering::SeqCst) >= TOLERATED
    }
}

fn pause(took: Duration) -> Duration {
    took.saturating_mul(PAUSE).min(LONGEST_PAUSE)
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        *self.next = Instant::now() + pause(self.began.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use futures::future::poll_immediate;

    use super::*;

    fn failing(times: u32) -> CrashBackoff {
        let crash_backoff = CrashBackoff::default();
        (0..times).for_each(|_| crash_backoff.failed());
        crash_backoff
    }

    fn is_slow(turn: &Turn<'_>) -> bool {
        matches!(turn, Turn { _held: Some(_) })
    }

    #[tokio::test]
    async fn failures_in_a_row_slow_down_and_an_answer_ends_that() {
        let crash_backoff = failing(TOLERATED - 1);
        assert!(!is_slow(&crash_backoff.turn().await));
        crash_backoff.failed();
        assert!(is_slow(&crash_backoff.turn().await));
        crash_backoff.succeeded();
        assert!(!is_slow(&crash_backoff.turn().await));
    }

    #[test]
    fn a_pause_is_as_long_as_what_it_follows_allows() {
        for (took, paused) in [(1, 3), (100, 300), (400, 1000), (u64::MAX, 1000)] {
            let pause = pause(Duration::from_millis(took));
            assert_eq!(pause, Duration::from_millis(paused));
        }
    }

    #[tokio::test]
    async fn who_comes_after_the_pause_waits_for_nobody() {
        let crash_backoff = failing(TOLERATED);
        let turn = crash_backoff.try_turn();
        assert!(turn.is_some_and(|turn| is_slow(&turn)));
        let _turn = crash_backoff.turn().await;
        assert!(crash_backoff.try_turn().is_none(), "one after the other");
    }

    #[tokio::test]
    async fn who_waits_for_his_turn_goes_on_when_another_was_answered() {
        let crash_backoff = failing(TOLERATED);
        let turn = crash_backoff.turn().await;
        let mut waiting = [Box::pin(crash_backoff.turn()), Box::pin(crash_backoff.turn())];
        for waiting in &mut waiting {
            assert!(poll_immediate(waiting).await.is_none());
        }
        crash_backoff.succeeded();
        for waiting in waiting {
            assert!(!is_slow(&waiting.await), "he need not wait for the one before him either");
        }
        drop(turn);
    }
}
