//! What an instance may use of the processor.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::priority::thread_time;

/// An instance has used all the processor time that a request may.
#[derive(Debug, thiserror::Error)]
#[error("it used more than {0:?} of processor time")]
pub(crate) struct CpuTimeUsed(pub(crate) Duration);

/// Counts the processor time of an instance, whichever threads it runs on.
#[derive(Debug)]
pub(crate) struct Meter {
    limit: Duration,
    /// Nanoseconds, up to when it last stopped running.
    used: AtomicU64,
    /// The clock of its thread when it last began to run; 0 while it does not run for a request.
    began: AtomicU64,
}

impl Meter {
    pub(crate) fn new(limit: Duration) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicU64::new(0), began: AtomicU64::new(0) })
    }

    /// Another request begins, with all of its time before it.
    pub(crate) fn begin_again(&self) {
        self.used.store(0, Ordering::Relaxed);
        self.began.store(thread_time(), Ordering::Relaxed);
    }

    /// Called while the instance runs, on its thread.
    ///
    /// # Errors
    /// [`CpuTimeUsed`].
    pub(crate) fn check(&self) -> Result<(), CpuTimeUsed> {
        let began = self.began.load(Ordering::Relaxed);
        if began == 0 {
            // It is being made.
            return Ok(());
        }
        let running = thread_time().saturating_sub(began);
        let used = self.used.load(Ordering::Relaxed).saturating_add(running);
        if u128::from(used) > self.limit.as_nanos() { Err(CpuTimeUsed(self.limit)) } else { Ok(()) }
    }
}

/// Runs an instance, and counts what it uses.
pub(crate) struct Metered<F> {
    run: Pin<Box<F>>,
    meter: Arc<Meter>,
}

impl<F> Metered<F> {
    pub(crate) fn new(run: F, meter: Arc<Meter>) -> Self {
        Self { run: Box::pin(run), meter }
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let before = thread_time();
        self.meter.began.store(before, Ordering::Relaxed);
        let polled = self.run.as_mut().poll(context);
        // A request that began meanwhile counts from there.
        let began = self.meter.began.swap(0, Ordering::Relaxed);
        self.meter.used.fetch_add(thread_time().saturating_sub(began), Ordering::Relaxed);
        polled
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Waker;

    use super::*;

    fn burn() {
        let start = thread_time();
        while thread_time() - start < 2_000_000 {}
    }

    #[test]
    fn time_adds_up_over_the_turns_of_an_instance() {
        let meter = Meter::new(Duration::from_millis(5));
        let checked = Arc::clone(&meter);
        let mut run = Metered::new(
            poll_fn(move |_| {
                burn();
                if checked.check().is_err() { Poll::Ready(()) } else { Poll::Pending }
            }),
            Arc::clone(&meter),
        );
        let mut context = Context::from_waker(Waker::noop());
        let mut turns = 1;
        while Pin::new(&mut run).poll(&mut context).is_pending() {
            turns += 1;
        }
        assert_eq!(turns, 3, "three turns of two milliseconds are more than five");
        meter.begin_again();
        assert!(meter.check().is_ok());
    }

    #[test]
    fn time_that_it_does_not_run_for_is_not_counted() {
        let meter = Meter::new(Duration::from_millis(1));
        let mut run = Metered::new(std::future::pending::<()>(), Arc::clone(&meter));
        let mut context = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut run).poll(&mut context).is_pending());
        burn();
        assert!(Pin::new(&mut run).poll(&mut context).is_pending());
        let mut run = Metered::new(poll_fn(|_| Poll::Ready(meter.check().is_ok())), meter.clone());
        assert_eq!(Pin::new(&mut run).poll(&mut context), Poll::Ready(true));
    }
}
