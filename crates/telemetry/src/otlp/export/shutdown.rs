use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Tells the threads of an exporter that it ends, and until when.
#[derive(Debug, Default)]
pub(super) struct Shutdown {
    deadline: Mutex<Option<Instant>>,
    begun: Condvar,
    /// Somebody wanted time when there was none left.
    missed: AtomicBool,
}

impl Shutdown {
    pub(super) fn begin(&self, deadline: Instant) {
        *self.lock() = Some(deadline);
        self.begun.notify_all();
    }

    pub(super) fn has_begun(&self) -> bool {
        self.lock().is_some()
    }

    /// Waits for the beginning, for `time` at most.
    pub(super) fn wait(&self, time: Duration) {
        let waiting = |deadline: &mut Option<Instant>| deadline.is_none();
        // A poisoned lock holds a deadline all the same.
        drop(self.begun.wait_timeout_while(self.lock(), time, waiting));
    }

    /// Waits for `time` before something is tried again; less when the end begins. Tells how much
    /// time is left for trying, up to `most`; `None` when the deadline has passed.
    pub(super) fn pause(&self, time: Duration, most: Duration) -> Option<Duration> {
        match self.left(most) {
            Some(left) if self.has_begun() => std::thread::sleep(time.min(left)),
            Some(_) => self.wait(time),
            None => return None,
        }
        self.left(most)
    }

    /// Time left until the deadline, up to `most`.
    pub(super) fn left(&self, most: Duration) -> Option<Duration> {
        let Some(deadline) = *self.lock() else { return Some(most) };
        let left = deadline.saturating_duration_since(Instant::now()).min(most);
        self.missed.fetch_or(left.is_zero(), Ordering::Relaxed);
        (!left.is_zero()).then_some(left)
    }

    /// Whether the deadline came before something was done.
    pub(super) fn was_missed(&self) -> bool {
        self.missed.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.deadline.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
