//! Compute threads: as many as there are cores, regardless of the number of waiting calls.
//! Used by `graphs`. Does not know how a backend computes.

mod interleave;
mod next;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::backend::{Backend, Model};
use crate::batch;
use crate::buffer::Buffers;
use crate::counters::{Counters, GraphStatus};
use crate::error::Error;
use crate::executor::interleave::BatchWorkers;
use crate::executor::next::{GraphQueue, Next, State, Work};
use crate::helpers::HelperGroup;
use crate::queue::{Batch, GraphOptions, Job, Queue};
use crate::scheduling::prefer_throughput;
use crate::workers::Workers;

/// What a thread needs to run a graph's batches.
pub(crate) struct Loaded {
    pub(crate) name: String,
    pub(crate) backend: &'static str,
    pub(crate) model: Box<dyn Model>,
    /// Whether rows give the same together and apart: calls may be put together and taken apart.
    pub(crate) independent: bool,
    /// Why rows are not known to be independent, if they are not.
    pub(crate) mixes_rows: Option<String>,
    pub(crate) options: GraphOptions,
    pub(crate) counters: Counters,
}

/// The threads. They end when the last handle is dropped and what they run is done.
pub(crate) struct Executor(Arc<Shared>);

/// Access to the threads that keeps them from nothing: graphs hold it.
#[derive(Clone)]
pub(crate) struct Submit(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    /// Calls that were queued so far: helpers leave when it changes.
    arrivals: AtomicUsize,
    threads: usize,
    buffers: Buffers,
    backend: Arc<dyn Backend>,
}

impl Executor {
    pub(crate) fn start(
        threads: usize,
        buffers: Buffers,
        backend: Arc<dyn Backend>,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            wake: Condvar::new(),
            arrivals: AtomicUsize::new(0),
            threads: threads.max(1),
            buffers,
            backend,
        });
        let executor = Self(shared);
        for number in 0..executor.0.threads {
            let shared = Arc::clone(&executor.0);
            std::thread::Builder::new().name(format!("compute-{number}")).spawn(move || {
                prefer_throughput();
                shared.work();
            })?;
        }
        Ok(executor)
    }

    pub(crate) fn submit(&self) -> Submit {
        Submit(Arc::clone(&self.0))
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.closed = true;
        // Callers that wait are told by their channels.
        let queues = std::mem::take(&mut state.queues);
        drop(state);
        drop(queues);
        self.0.wake.notify_all();
    }
}

impl Submit {
    /// Opens a queue for `graph`.
    pub(crate) fn open(&self, graph: Arc<Loaded>) -> u64 {
        let mut state = self.0.lock();
        let id = state.next_line;
        state.next_line += 1;
        state.queues.insert(id, GraphQueue { queue: Queue::default(), running: 0, graph });
        state.turns.push_back(id);
        id
    }

    /// Closes a queue. Nothing waits in it: callers hold the graph.
    pub(crate) fn close(&self, id: u64) {
        let mut state = self.0.lock();
        let line = state.queues.remove(&id);
        state.turns.retain(|turn| *turn != id);
        drop(state);
        drop(line);
    }

    /// Queues a call.
    pub(crate) fn push(&self, id: u64, job: Job) -> Result<(), Error> {
        let mut state = self.0.lock();
        let Some(line) = state.queues.get_mut(&id) else {
            return Err(Error::Unavailable("the backend is stopped".to_owned()));
        };
        let graph = Arc::clone(&line.graph);
        let pushed = line.queue.push(job, graph.options.queue);
        let waiting = line.queue.len();
        self.0.arrivals.fetch_add(1, Ordering::Relaxed);
        drop(state);
        if pushed.is_err() {
            graph.counters.refused();
            let concurrency = self.0.concurrency(&graph) as u32;
            let drained = graph.counters.row_time().saturating_mul(waiting as u32) / concurrency;
            let retry_after = drained.max(Duration::from_secs(1));
            let graph = graph.name.clone();
            return Err(Error::Busy { graph, waiting, retry_after });
        }
        self.0.wake.notify_one();
        Ok(())
    }

    /// Memory for tensors.
    pub(crate) fn buffers(&self) -> &Buffers {
        &self.0.buffers
    }

    pub(crate) fn status(&self, id: u64, graph: &Loaded) -> GraphStatus {
        let mut status = graph.counters.status(&graph.name, graph.backend);
        status.weights = graph.model.weights();
        status.process = self.0.backend.process();
        let state = self.0.lock();
        if let Some(line) = state.queues.get(&id) {
            status.waiting = line.queue.len();
            status.running = line.running;
            status.canceled = line.queue.canceled();
        }
        status
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut state = self.lock();
        loop {
            let next = self.next(&mut state);
            if state.running == 0 {
                self.backend.share_cores(0);
            }
            match next {
                Next::End => return,
                Next::Wait(None) => {
                    state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                Next::Wait(Some(until)) => {
                    let time = until.saturating_duration_since(Instant::now());
                    let waited = self.wake.wait_timeout(state, time);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                Next::Help(group, until) => {
                    // As of the last look at what waits: under the lock.
                    let arrivals = self.arrivals.load(Ordering::Relaxed);
                    drop(state);
                    self.help(&group, arrivals, until);
                    state = self.lock();
                }
                Next::Work(work) => {
                    drop(state);
                    let lead = BatchWorkers::of(self, &work);
                    self.run(work, &lead);
                    state = self.lock();
                }
            }
        }
    }

    /// Runs a batch; when its callers are answered it is over for everybody who asks.
    fn run(&self, work: Work, workers: &dyn Workers) {
        let Work { line, graph, batch, group } = work;
        let start = Instant::now();
        let Batch { jobs, closed } = batch;
        for job in &jobs {
            graph.counters.waited(start.saturating_duration_since(job.arrived));
        }
        let rows = jobs.iter().map(|job| u64::from(job.rows())).sum();
        let ran = batch::run(&*graph.model, &jobs, &self.buffers, workers);
        graph.counters.ran(rows, closed, start.elapsed(), &ran);
        self.ended(line, group.as_ref());
        for (Job { inputs, respond, .. }, outcome) in jobs.into_iter().zip(ran.outcomes) {
            // Their memory is free before the caller asks for the next.
            drop(inputs);
            // Nobody may be waiting any more.
            let _ = respond.send(outcome.map_err(|error| error.of(&graph.name)));
        }
    }

    /// Helps with a batch until a call arrives.
    fn help(&self, group: &HelperGroup, arrivals: usize, until: Option<Instant>) {
        group.help(&|| {
            let arrived = self.arrivals.load(Ordering::Relaxed) != arrivals;
            arrived || until.is_some_and(|until| Instant::now() >= until)
        });
    }

    fn ended(&self, line: u64, group: Option<&Arc<HelperGroup>>) {
        let mut state = self.lock();
        if let Some(group) = group {
            group.end();
            state.groups.retain(|other| !Arc::ptr_eq(other, group));
        }
        state.running -= 1;
        if let Some(line) = state.queues.get_mut(&line) {
            line.running -= 1;
        }
    }
}
