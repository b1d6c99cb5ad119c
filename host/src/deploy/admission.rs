//! Which requests begin: as many at once as a function can work on, one by one where it does
//! nothing but fail, and behind them a queue that is never longer than it can be worked off in time.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::crash_backoff::{CrashBackoff, Turn};

/// A new measurement counts for an eighth of the time that requests are expected to take.
const MEMORY: u64 = 8;
/// What a client is told to wait at least, and at most: `Retry-After` knows whole seconds.
const SHORTEST_PAUSE: u64 = 1;
const LONGEST_PAUSE: u64 = 60;

/// Admits the requests of a version, first come, first served.
#[derive(Debug)]
pub(crate) struct Admission {
    places: Semaphore,
    limits: AdmissionLimits,
    waiting: AtomicUsize,
    /// How long a request holds its place, in nanoseconds: a moving average.
    service: AtomicU64,
}

/// How many requests may begin, and wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdmissionLimits {
    pub(crate) concurrent: usize,
    pub(crate) queue: usize,
    pub(crate) queue_deadline: Duration,
}

/// A request may not begin. Says after how many seconds another try makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAdmitted {
    #[error("the queue is full with {waiting} requests")]
    QueueFull { waiting: usize, retry_after: u64 },
    #[error("the time in the queue would exceed, or has exceeded, {deadline:?}")]
    TooLate { deadline: Duration, retry_after: u64 },
}

/// State of a version's admission control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AdmissionStatus {
    /// Requests that are worked on.
    pub running: usize,
    /// Requests that may be worked on at once.
    pub concurrent: usize,
    /// Requests that wait for a place.
    pub waiting: usize,
    /// Mean time in which a request is processed, in microseconds.
    pub service_us: u64,
}

/// A place among the requests that are worked on, given up when dropped.
#[derive(Debug)]
pub(crate) struct Admitted<'a> {
    admission: &'a Admission,
    since: Instant,
    _place: SemaphorePermit<'a>,
    _turn: Turn<'a>,
}

/// A place in the queue, given up when dropped: also when the client goes away.
struct Waiting<'a>(&'a AtomicUsize);

impl Admission {
    pub(crate) fn new(limits: AdmissionLimits) -> Self {
        Self {
            places: Semaphore::new(limits.concurrent),
            limits,
            waiting: AtomicUsize::new(0),
            service: AtomicU64::new(0),
        }
    }

    /// Until when a request may wait that has come at `arrival`.
    pub(crate) fn patience(&self, arrival: tokio::time::Instant) -> tokio::time::Instant {
        arrival + self.limits.queue_deadline
    }

    /// Waits for a place, and for a turn where requests take turns.
    ///
    /// # Errors
    /// [`NotAdmitted`]: at once where the queue is full or moves too slowly, and when the request has
    /// waited for as long as it may.
    pub(crate) async fn enter<'a>(
        &'a self,
        crash_backoff: &'a CrashBackoff,
    ) -> Result<Admitted<'a>, NotAdmitted> {
        if let Some(turn) = crash_backoff.try_turn()
            && let Ok(place) = self.places.try_acquire()
        {
            return Ok(self.admitted(turn, place));
        }
        let deadline = self.limits.queue_deadline;
        let waiting = self.waiting.fetch_add(1, Ordering::Relaxed);
        let queued = Waiting(&self.waiting);
        if waiting >= self.limits.queue {
            return Err(NotAdmitted::QueueFull { waiting, retry_after: self.retry_after(waiting) });
        }
        let late = || NotAdmitted::TooLate { deadline, retry_after: self.retry_after(waiting) };
        if self.expected_wait(waiting) > deadline {
            return Err(late());
        }
        let begins = async {
            let turn = crash_backoff.turn().await;
            self.places.acquire().await.map(|place| self.admitted(turn, place))
        };
        let admitted = timeout(deadline, begins).await;
        drop(queued);
        match admitted {
            Ok(Ok(admitted)) => Ok(admitted),
            // The semaphore is never closed.
            Ok(Err(_)) | Err(_) => Err(late()),
        }
    }

    pub(crate) fn status(&self) -> AdmissionStatus {
        let concurrent = self.limits.concurrent;
        AdmissionStatus {
            running: concurrent.saturating_sub(self.places.available_permits()),
            concurrent,
            waiting: self.waiting.load(Ordering::Relaxed),
            service_us: self.service.load(Ordering::Relaxed) / 1000,
        }
    }

    fn admitted<'a>(&'a self, turn: Turn<'a>, place: SemaphorePermit<'a>) -> Admitted<'a> {
        Admitted { admission: self, since: Instant::now(), _place: place, _turn: turn }
    }

    /// How long a request waits that finds `waiting` others before it.
    fn expected_wait(&self, waiting: usize) -> Duration {
        let rounds = (waiting / self.limits.concurrent.max(1)) as u64 + 1;
        Duration::from_nanos(self.service.load(Ordering::Relaxed).saturating_mul(rounds))
    }

    fn retry_after(&self, waiting: usize) -> u64 {
        let wait = self.expected_wait(waiting).as_secs_f64().ceil() as u64;
        wait.clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
    }

    fn learn(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        // Two that end at once may lose one of their measurements.
        let known = self.service.load(Ordering::Relaxed);
        let learnt = if known == 0 { took } else { known - known / MEMORY + took / MEMORY };
        self.service.store(learnt, Ordering::Relaxed);
    }
}

impl NotAdmitted {
    pub(crate) fn retry_after(self) -> u64 {
        let (Self::QueueFull { retry_after, .. } | Self::TooLate { retry_after, .. }) = self;
        retry_after
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        self.admission.learn(self.since.elapsed());
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    fn admission(concurrent: usize, queue: usize, queue_deadline: Duration) -> Admission {
        Admission::new(AdmissionLimits { concurrent, queue, queue_deadline })
    }

    #[tokio::test]
    async fn as_many_begin_as_may_and_the_next_in_the_order_of_asking() {
        let calm = CrashBackoff::default();
        let admission = admission(2, 8, LONG);
        let (first, _second) =
            (admission.enter(&calm).await.unwrap(), admission.enter(&calm).await.unwrap());
        let (mut third, mut fourth) = (pin!(admission.enter(&calm)), pin!(admission.enter(&calm)));
        let mut context = Context::from_waker(Waker::noop());
        assert!(third.as_mut().poll(&mut context).is_pending());
        assert!(fourth.as_mut().poll(&mut context).is_pending());
        assert_eq!((admission.status().running, admission.status().waiting), (2, 2));
        drop(first);
        assert!(fourth.as_mut().poll(&mut context).is_pending(), "nobody overtakes");
        assert!(third.as_mut().poll(&mut context).is_ready());
    }

    #[tokio::test]
    async fn who_finds_the_queue_full_is_refused_at_once() {
        let calm = CrashBackoff::default();
        let admission = admission(1, 1, LONG);
        let _running = admission.enter(&calm).await.unwrap();
        let mut waiting = Box::pin(admission.enter(&calm));
        let mut context = Context::from_waker(Waker::noop());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        let refused = admission.enter(&calm).await.unwrap_err();
        assert_eq!(refused, NotAdmitted::QueueFull { waiting: 1, retry_after: 1 });
        drop(waiting);
        assert_eq!(admission.status().waiting, 0, "who goes away leaves the queue");
    }

    #[tokio::test]
    async fn who_would_wait_too_long_is_refused_at_once() {
        let calm = CrashBackoff::default();
        let admission = admission(1, 100, Duration::from_secs(3));
        admission.learn(Duration::from_secs(2));
        let _running = admission.enter(&calm).await.unwrap();
        let mut waiting = pin!(admission.enter(&calm));
        let mut context = Context::from_waker(Waker::noop());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        let refused = admission.enter(&calm).await.unwrap_err();
        assert_eq!(refused.retry_after(), 4, "two rounds of two seconds: {refused}");
    }

    #[tokio::test]
    async fn who_has_waited_for_as_long_as_he_may_is_refused() {
        let calm = CrashBackoff::default();
        let admission = admission(1, 100, Duration::from_millis(5));
        let _running = admission.enter(&calm).await.unwrap();
        assert!(matches!(admission.enter(&calm).await, Err(NotAdmitted::TooLate { .. })));
        assert_eq!(admission.status().waiting, 0);
    }

    #[tokio::test]
    async fn who_waits_for_his_turn_waits_in_the_queue_and_no_longer() {
        let crash_backoff = CrashBackoff::default();
        (0..1000).for_each(|_| crash_backoff.failed());
        let admission = admission(8, 1, Duration::from_millis(5));
        let turn = admission.enter(&crash_backoff).await.unwrap();
        let mut waiting = pin!(admission.enter(&crash_backoff));
        let mut context = Context::from_waker(Waker::noop());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        assert_eq!((admission.status().running, admission.status().waiting), (1, 1));
        let refused = admission.enter(&crash_backoff).await.unwrap_err();
        assert!(matches!(refused, NotAdmitted::QueueFull { .. }), "{refused}");
        assert!(matches!(waiting.await, Err(NotAdmitted::TooLate { .. })));
        drop(turn);
    }
}
