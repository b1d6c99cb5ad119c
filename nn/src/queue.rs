//! What waits for a graph, and which of it is run together. Knows no threads and no clock.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use serde::Serialize;

use crate::error::Result;
use crate::tensor::Tensor;

/// How a graph's computations are queued and put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct GraphOptions {
    /// Most rows that are run together.
    pub max_batch: u32,
    /// How long the oldest computation is kept waiting for others to join it. With zero a batch
    /// is what has come while others were running.
    pub max_wait: Duration,
    /// Most batches that run at once; 0 stands for as many as there are threads.
    pub concurrency: usize,
    /// Most computations that wait; further ones are refused at once.
    pub queue: usize,
}

impl Default for GraphOptions {
    fn default() -> Self {
        Self { max_batch: 8, max_wait: Duration::ZERO, concurrency: 0, queue: 512 }
    }
}

/// Why no more computations were added to a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Closed {
    /// It had as many rows as it may.
    Full,
    /// Nothing else that fits was waiting.
    Drained,
    /// The oldest computation had waited long enough.
    Waited,
    /// The others are left to threads that have nothing to do.
    Shared,
    /// It cannot be run with others.
    Single,
}

impl Closed {
    /// All of them, in the order in which they are counted.
    pub(crate) const ALL: [Self; 5] =
        [Self::Full, Self::Drained, Self::Waited, Self::Shared, Self::Single];
}

/// One call that waits.
pub(crate) struct Job {
    /// In the graph's order.
    pub(crate) inputs: Vec<Tensor>,
    /// Rows, when they can be run with those of others.
    pub(crate) rows: Option<u32>,
    pub(crate) arrived: Instant,
    pub(crate) respond: oneshot::Sender<Result<Vec<Tensor>>>,
}

impl Job {
    fn cancelled(&self) -> bool {
        self.respond.is_canceled()
    }

    /// Whether `other` can join: the same shapes but for the first dimension.
    fn fits(&self, other: &Self) -> bool {
        let inner = |tensor: &Tensor| tensor.shape().with_rows(1).ok();
        self.rows.is_some()
            && other.rows.is_some()
            && self.inputs.iter().map(inner).eq(other.inputs.iter().map(inner))
    }
}

/// Calls taken together.
pub(crate) struct Batch {
    pub(crate) jobs: Vec<Job>,
    pub(crate) closed: Closed,
}

/// When there will be something to run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Never,
    Now,
    At(Instant),
}

/// The calls that wait for one graph, oldest first.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: VecDeque<Job>,
    cancelled: u64,
}

impl Queue {
    /// Adds a call, or gives it back when `most` are waiting already.
    pub(crate) fn push(&mut self, job: Job, most: usize) -> std::result::Result<(), Job> {
        if self.waiting.len() >= most {
            self.remove_cancelled();
        }
        if self.waiting.len() >= most {
            return Err(job);
        }
        self.waiting.push_back(job);
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Calls whose callers went away before they were run.
    pub(crate) fn cancelled(&self) -> u64 {
        self.cancelled
    }

    fn remove_cancelled(&mut self) {
        let before = self.waiting.len();
        self.waiting.retain(|job| !job.cancelled());
        self.cancelled += (before - self.waiting.len()) as u64;
    }

    /// When the oldest call should be run.
    pub(crate) fn due(&mut self, now: Instant, options: &GraphOptions) -> Due {
        while self.waiting.front().is_some_and(Job::cancelled) {
            self.waiting.pop_front();
            self.cancelled += 1;
        }
        let Some(first) = self.waiting.front() else { return Due::Never };
        let until = first.arrived + options.max_wait;
        if first.rows.is_none() || now >= until || self.fitting_rows() >= options.max_batch {
            Due::Now
        } else {
            Due::At(until)
        }
    }

    /// Rows that could be run with the oldest call, its own included.
    fn fitting_rows(&self) -> u32 {
        let Some(first) = self.waiting.front() else { return 0 };
        let fitting = self.waiting.iter().filter(|job| first.fits(job) && !job.cancelled());
        fitting.fold(0, |rows, job| rows.saturating_add(job.rows.unwrap_or_default()))
    }

    /// Takes the oldest call and those that fit it, oldest first, but leaves as much to each of
    /// `idle` threads as it takes.
    pub(crate) fn take(&mut self, options: &GraphOptions, idle: usize) -> Option<Batch> {
        self.remove_cancelled();
        let available = self.fitting_rows();
        let share = available.div_ceil(idle.saturating_add(1) as u32);
        let first = self.waiting.pop_front()?;
        let waited = !options.max_wait.is_zero();
        let Some(mut rows) = first.rows else {
            return Some(Batch { jobs: vec![first], closed: Closed::Single });
        };
        let most = options.max_batch.min(share);
        let mut jobs = vec![first];
        let mut index = 0;
        while index < self.waiting.len() && rows < most {
            let job = &self.waiting[index];
            let joined = rows.saturating_add(job.rows.unwrap_or_default());
            if joined > options.max_batch || !jobs[0].fits(job) {
                index += 1;
                continue;
            }
            rows = joined;
            jobs.extend(self.waiting.remove(index));
        }
        let closed = match () {
            () if rows >= options.max_batch => Closed::Full,
            () if rows < available && share < options.max_batch => Closed::Shared,
            () if rows < available => Closed::Full,
            () if waited => Closed::Waited,
            () => Closed::Drained,
        };
        Some(Batch { jobs, closed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::Buffers;
    use crate::tensor::Element;

    type Receiver = oneshot::Receiver<Result<Vec<Tensor>>>;

    fn job(rows: u32, length: u32) -> (Job, Receiver) {
        let bytes = vec![0; (rows * length) as usize];
        let tensor =
            Tensor::copied(&Buffers::new(0), Element::U8, &[rows, length], &bytes).unwrap();
        let (respond, receiver) = oneshot::channel();
        let arrived = Instant::now();
        (Job { inputs: vec![tensor], rows: Some(rows), arrived, respond }, receiver)
    }

    fn filled(jobs: &[(u32, u32)]) -> (Queue, Vec<Receiver>) {
        let mut queue = Queue::default();
        let mut receivers = Vec::new();
        for (rows, length) in jobs {
            let (job, receiver) = job(*rows, *length);
            assert!(queue.push(job, usize::MAX).is_ok());
            receivers.push(receiver);
        }
        (queue, receivers)
    }

    fn lengths(batch: &Batch) -> Vec<(u32, u32)> {
        let of = |job: &Job| {
            let shape = job.inputs[0].shape();
            (shape.sizes()[0], shape.sizes()[1])
        };
        batch.jobs.iter().map(of).collect()
    }

    fn options(max_batch: u32) -> GraphOptions {
        GraphOptions { max_batch, ..GraphOptions::default() }
    }

    #[test]
    fn the_oldest_goes_first_and_takes_along_what_has_its_shape() {
        let (mut queue, _receivers) = filled(&[(1, 8), (1, 16), (2, 8), (1, 16)]);
        let batch = queue.take(&options(8), 0).unwrap();
        assert_eq!((lengths(&batch), batch.closed), (vec![(1, 8), (2, 8)], Closed::Drained));
        let batch = queue.take(&options(8), 0).unwrap();
        assert_eq!((lengths(&batch), batch.closed), (vec![(1, 16), (1, 16)], Closed::Drained));
        assert!(queue.take(&options(8), 0).is_none());
    }

    #[test]
    fn a_batch_never_exceeds_its_limit_unless_a_single_call_does() {
        let (mut queue, _receivers) = filled(&[(2, 8), (3, 8), (2, 8), (9, 8)]);
        let batch = queue.take(&options(4), 0).unwrap();
        assert_eq!((lengths(&batch), batch.closed), (vec![(2, 8), (2, 8)], Closed::Full));
        let batch = queue.take(&options(4), 0).unwrap();
        assert_eq!((lengths(&batch), batch.closed), (vec![(3, 8)], Closed::Full));
        let batch = queue.take(&options(4), 0).unwrap();
        assert_eq!((lengths(&batch), batch.closed), (vec![(9, 8)], Closed::Full));
    }

    #[test]
    fn idle_threads_get_their_share() {
        let (mut queue, _receivers) = filled(&[(1, 8); 4]);
        let batch = queue.take(&options(8), 1).unwrap();
        assert_eq!((batch.jobs.len(), batch.closed), (2, Closed::Shared));
        let batch = queue.take(&options(8), 0).unwrap();
        assert_eq!((batch.jobs.len(), batch.closed), (2, Closed::Drained));
    }

    #[test]
    fn cancelled_calls_are_left_out_and_make_room() {
        let (mut queue, mut receivers) = filled(&[(1, 8), (1, 8), (1, 8)]);
        receivers.drain(..2);
        let (newcomer, _receiver) = job(1, 8);
        assert!(queue.push(newcomer, 2).is_ok());
        assert_eq!((queue.len(), queue.cancelled()), (2, 2));
        receivers.clear();
        assert_eq!(queue.take(&options(8), 0).unwrap().jobs.len(), 1);
        assert_eq!(queue.cancelled(), 3);
        let (first, _kept) = job(1, 8);
        assert!(queue.push(first, 1).is_ok());
        let (refused, _kept) = job(1, 8);
        assert!(queue.push(refused, 1).is_err());
    }

    #[test]
    fn a_call_that_may_wait_is_due_when_its_time_is_over_or_the_batch_is_full() {
        let wait = Duration::from_millis(5);
        let options = GraphOptions { max_batch: 2, max_wait: wait, ..GraphOptions::default() };
        let mut queue = Queue::default();
        let now = Instant::now();
        assert_eq!(queue.due(now, &options), Due::Never);
        let (first, _kept) = job(1, 8);
        let arrived = first.arrived;
        assert!(queue.push(first, 9).is_ok());
        assert_eq!(queue.due(arrived, &options), Due::At(arrived + wait));
        assert_eq!(queue.due(arrived + wait, &options), Due::Now);
        let (other, _kept) = job(1, 16);
        assert!(queue.push(other, 9).is_ok());
        assert_eq!(queue.due(arrived, &options), Due::At(arrived + wait));
        let (fitting, _kept) = job(1, 8);
        assert!(queue.push(fitting, 9).is_ok());
        assert_eq!(queue.due(arrived, &options), Due::Now);
    }

    #[test]
    fn what_cannot_be_stacked_runs_by_itself() {
        let (mut queue, _receivers) = filled(&[(1, 8), (1, 8)]);
        queue.waiting[0].rows = None;
        let batch = queue.take(&options(8), 0).unwrap();
        assert_eq!((batch.jobs.len(), batch.closed), (1, Closed::Single));
    }
}
