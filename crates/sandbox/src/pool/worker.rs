//! Threads that tear instances down and make new ones, so that no request does.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pilotlight_inference::scheduling::prefer_throughput;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::{Place, Shared, State};
use crate::instance::Instance;

/// Cores for which one worker makes instances fast enough.
const CORES_PER_WORKER: usize = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Starts the workers of a pool; they end with it.
pub(super) fn start(shared: &Arc<Shared>) -> std::io::Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = Handle::current();
    for number in 0..cores.div_ceil(CORES_PER_WORKER) {
        let (shared, runtime) = (Arc::clone(shared), runtime.clone());
        std::thread::Builder::new().name(format!("pool-worker-{number}")).spawn(move || {
            // Not at a lower priority: requests wait for instances and for what workers lock.
            prefer_throughput();
            Worker::new(&shared, runtime).run();
        })?;
    }
    Ok(())
}

struct Worker<'a> {
    shared: &'a Arc<Shared>,
    runtime: Handle,
    /// No instance is made before then: the last could not be made.
    pause_ends: Option<Instant>,
    pause: Duration,
}

/// What there is to do.
enum Task {
    TearDown(Vec<Instance>),
    Make,
    Shrink,
    Stop,
}

impl<'a> Worker<'a> {
    fn new(shared: &'a Arc<Shared>, runtime: Handle) -> Self {
        Self { shared, runtime, pause_ends: None, pause: FIRST_PAUSE }
    }

    fn run(mut self) {
        loop {
            // A mistake in one instance must not end the keeping of all others.
            match catch_unwind(AssertUnwindSafe(|| self.step())) {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => return,
                Err(_) => tracing::error!("a pool worker panicked and continues"),
            }
        }
    }

    fn step(&mut self) -> ControlFlow<()> {
        match self.next() {
            Task::TearDown(instances) => self.tear_down(instances),
            Task::Make => self.make(),
            Task::Shrink => self.shrink(),
            Task::Stop => return ControlFlow::Break(()),
        }
        ControlFlow::Continue(())
    }

    /// Waits for something to do. Teardown comes first: it leaves warm memory behind.
    fn next(&mut self) -> Task {
        let mut state = self.shared.lock();
        loop {
            if !state.used.is_empty() {
                return Task::TearDown(std::mem::take(&mut state.used));
            }
            if state.closed {
                let ready = std::mem::take(&mut state.ready);
                if ready.is_empty() && state.live + state.in_sessions == 0 {
                    return Task::Stop;
                }
                if !ready.is_empty() {
                    return Task::TearDown(ready);
                }
            }
            let now = Instant::now();
            self.pause_ends = self.pause_ends.filter(|end| *end > now);
            // Whoever waits gets an instance or an error at once.
            let wanted = !state.waiting.is_empty()
                || (state.ready.len() < state.level.target() && self.pause_ends.is_none());
            let room = state.live < self.shared.maximum && !state.closed;
            if wanted && room {
                state.live += 1;
                return Task::Make;
            }
            if now >= state.period_ends {
                state.period_ends = now + self.shared.idle_shrink;
                return Task::Shrink;
            }
            let period_ends = state.period_ends;
            let wake = self.pause_ends.map_or(period_ends, |end| end.min(period_ends));
            state = self.wait(state, wake - now);
        }
    }

    fn wait<'s>(&self, state: MutexGuard<'s, State>, time: Duration) -> MutexGuard<'s, State> {
        let waited = self.shared.work.wait_timeout(state, time);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn tear_down(&self, instances: Vec<Instance>) {
        for instance in instances {
            drop(instance);
            self.shared.counters.ended.add();
            self.shared.lock().live -= 1;
        }
    }

    /// Makes an instance for the place that was taken for it.
    fn make(&mut self) {
        let place = Place(self.shared);
        let component = &self.shared.component;
        let limit = self.shared.creation_timeout;
        let made = self.runtime.block_on(async { timeout(limit, component.instantiate()).await });
        let made = made.unwrap_or_else(|_| {
            Err(wasmtime::format_err!("the creation of an instance took too long"))
        });
        match place.fill(made) {
            Ok(mut pooled) => {
                self.pause = FIRST_PAUSE;
                if let Some(instance) = pooled.instance.take() {
                    self.shared.offer(instance);
                }
            }
            Err(error) => self.failed(error),
        }
    }

    fn failed(&mut self, error: wasmtime::Error) {
        self.pause_ends = Some(Instant::now() + self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        let waiting = self.shared.lock().waiting.pop_front();
        match waiting {
            Some(waiting) => drop(waiting.send(Err(error))),
            None => tracing::warn!(error = format!("{error:#}"), "no instance could be created"),
        }
    }

    /// Gives up what was not needed for a whole period.
    fn shrink(&self) {
        let mut state = self.shared.lock();
        let ready = state.ready.len();
        state.level.period(ready);
        let target = state.level.target();
        let excess = ready.saturating_sub(target);
        // The first have waited longest, and are the coldest.
        let unneeded: Vec<_> = state.ready.drain(..excess).collect();
        drop(state);
        self.tear_down(unneeded);
        self.shared.memories.shrink(target);
    }
}
