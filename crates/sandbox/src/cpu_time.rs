//! What an instance uses of the processor, and may use.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// An instance has used all the processor time that a request may.
#[derive(Debug, thiserror::Error)]
#[error("the request exceeded {0:?} of CPU time")]
pub struct CpuTimeExceeded(Duration);

/// Processor time of the calling thread, in nanoseconds.
pub fn thread_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    (time.tv_sec as u64).saturating_mul(1_000_000_000).saturating_add(time.tv_nsec as u64)
}

/// Watches the turns of an instance, whichever threads they are on.
#[derive(Debug)]
pub struct CpuMeter {
    /// Maximum CPU time.
    limit: Option<Duration>,
    /// Nanoseconds, up to when it last stopped running.
    used: AtomicU64,
    /// The clock of its thread when it last began to run; 0 while it does not run for a request.
    began: AtomicU64,
    /// Whether its last turn ended for the sake of others, with more to do.
    cut_short: AtomicBool,
}

impl CpuMeter {
    /// Allows each request `limit` of processor time.
    pub fn new(limit: Option<Duration>) -> Arc<Self> {
        let (used, began) = (AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Self { limit, used, began, cut_short: AtomicBool::new(false) })
    }

    /// Another request begins, with all of its time before it.
    pub fn begin_again(&self) {
        if self.limit.is_some() {
            self.used.store(0, Ordering::Relaxed);
            self.began.store(thread_time(), Ordering::Relaxed);
        }
    }

    /// Called while the instance runs, on its thread, when others are to have a turn.
    ///
    /// # Errors
    /// [`CpuTimeExceeded`].
    pub fn cut_short(&self) -> Result<(), CpuTimeExceeded> {
        self.cut_short.store(true, Ordering::Relaxed);
        let began = self.began.load(Ordering::Relaxed);
        let (Some(limit), 1..) = (self.limit, began) else {
            // It is being made, or may take as long as it likes.
            return Ok(());
        };
        let running = thread_time().saturating_sub(began);
        let used = self.used.load(Ordering::Relaxed).saturating_add(running);
        if u128::from(used) > limit.as_nanos() { Err(CpuTimeExceeded(limit)) } else { Ok(()) }
    }

    /// Whether it computes, and does not wait for anybody.
    pub fn is_at_work(&self) -> bool {
        self.cut_short.load(Ordering::Relaxed)
    }

    fn turn<T>(&self, run: impl FnOnce() -> T) -> T {
        self.cut_short.store(false, Ordering::Relaxed);
        if self.limit.is_none() {
            return run();
        }
        self.began.store(thread_time(), Ordering::Relaxed);
        let done = run();
        // A request that began meanwhile counts from there.
        let began = self.began.swap(0, Ordering::Relaxed);
        self.used.fetch_add(thread_time().saturating_sub(began), Ordering::Relaxed);
        done
    }

    /// Runs an instance, and watches its turns.
    pub(crate) async fn watch<F: Future + Unpin>(&self, mut run: F) -> F::Output {
        poll_fn(|context| self.turn(|| Pin::new(&mut run).poll(context))).await
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    const LIMIT: Option<Duration> = Some(Duration::from_millis(5));

    fn burn() {
        let start = thread_time();
        while thread_time() - start < 2_000_000 {}
    }

    #[test]
    fn time_adds_up_over_the_turns_of_an_instance() {
        let meter = CpuMeter::new(LIMIT);
        let mut run = pin!(meter.watch(poll_fn(|_| {
            burn();
            if meter.cut_short().is_err() { Poll::Ready(()) } else { Poll::Pending }
        })));
        let mut context = Context::from_waker(Waker::noop());
        let mut turns = 1;
        while run.as_mut().poll(&mut context).is_pending() {
            turns += 1;
        }
        assert_eq!(turns, 3, "three turns of two milliseconds are more than five");
        meter.begin_again();
        assert!(meter.cut_short().is_ok());
    }

    #[test]
    fn time_that_it_does_not_run_for_is_not_counted() {
        let meter = CpuMeter::new(Some(Duration::from_millis(1)));
        let mut context = Context::from_waker(Waker::noop());
        let mut run = pin!(meter.watch(std::future::pending::<()>()));
        assert!(run.as_mut().poll(&mut context).is_pending());
        burn();
        assert!(run.as_mut().poll(&mut context).is_pending());
        let mut run = pin!(meter.watch(poll_fn(|_| Poll::Ready(meter.cut_short().is_ok()))));
        assert_eq!(run.as_mut().poll(&mut context), Poll::Ready(true));
    }

    #[test]
    fn who_waits_is_not_at_work() {
        for limit in [None, LIMIT] {
            let meter = CpuMeter::new(limit);
            let mut context = Context::from_waker(Waker::noop());
            let mut turns = 0;
            let mut run = pin!(meter.watch(poll_fn(|_| -> Poll<()> {
                turns += 1;
                if turns == 1 {
                    meter.cut_short().unwrap();
                }
                Poll::Pending
            })));
            for at_work in [true, false] {
                assert!(run.as_mut().poll(&mut context).is_pending());
                assert_eq!(meter.is_at_work(), at_work);
            }
        }
    }
}
