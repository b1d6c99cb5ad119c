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
    /// Most rows that are run together. A call that has more is computed in parts, one after the
    /// other, unless its rows depend on each other.
    pub max_batch: u32,
    /// How long the oldest computation is kept waiting for others to join it. With zero a batch
    /// is what has come while others were running.
    pub max_wait: Duration,
    /// Most batches that run at once; 0 stands for as many as there are threads.
    pub concurrency: usize,
    /// Most computations that wait; further ones are refused at once.
    pub queue: usize,
    /// Whether rows of different callers are computed as one batch.
    pub batch_rows: BatchRows,
}

/// Whether rows of different callers are computed as one batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BatchRows {
    /// Where the graph's structure shows that no row has an influence on another.
    #[default]
    Auto,
    /// Wherever shapes allow it: somebody who knows the graph says that its rows are independent.
    Always,
    /// Never.
    Never,
}

impl Default for GraphOptions {
    fn default() -> Self {
        Self {
            max_batch: 8,
            max_wait: Duration::ZERO,
            concurrency: 0,
            queue: 512,
            batch_rows: BatchRows::Auto,
        }
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
    pub const ALL: [Self; 5] =
        [Self::Full, Self::Drained, Self::Waited, Self::Shared, Self::Single];

    /// What it is called in status and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Drained => "drained",
            Self::Waited => "waited",
            Self::Shared => "shared",
            Self::Single => "single",
        }
    }
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
        let same = |(one, other): (&Tensor, &Tensor)| {
            one.shape().sizes().get(1..) == other.shape().sizes().get(1..)
        };
        self.rows.is_some()
            && other.rows.is_some()
            && self.inputs.iter().zip(&other.inputs).all(same)
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

    /// When there is a call to be run: the oldest when it has waited long enough, any as soon as
    /// nothing can join it.
    pub(crate) fn due(&mut self, now: Instant, options: &GraphOptions) -> Due {
        while self.waiting.front().is_some_and(Job::cancelled) {
            self.waiting.pop_front();
            self.cancelled += 1;
        }
        match (self.waiting.front(), self.leader(now, options)) {
            (None, _) => Due::Never,
            (Some(_), Some(_)) => Due::Now,
            (Some(first), None) => Due::At(first.arrived + options.max_wait),
        }
    }

    /// The call to be run now, with those that fit it, if there is one.
    fn leader(&self, now: Instant, options: &GraphOptions) -> Option<usize> {
        let first = self.waiting.front()?;
        let waited = now >= first.arrived + options.max_wait;
        if waited { Some(0) } else { self.first_of_full(options.max_batch) }
    }

    /// The oldest call of the first shape that fills a batch of `most` rows. One that nothing can
    /// join fills its own.
    fn first_of_full(&self, most: u32) -> Option<usize> {
        let mut shapes: Vec<(usize, u32)> = Vec::new();
        for (index, job) in self.waiting.iter().enumerate().filter(|(_, job)| !job.cancelled()) {
            let rows = job.rows.unwrap_or(most);
            let known = shapes.iter_mut().find(|(first, _)| self.waiting[*first].fits(job));
            let (first, rows) = match known {
                Some((first, waiting)) => {
                    *waiting = waiting.saturating_add(rows);
                    (*first, *waiting)
                }
                None => {
                    shapes.push((index, rows));
                    (index, rows)
                }
            };
            if rows >= most {
                return Some(first);
            }
        }
        None
    }

    /// Rows that could be run with `first`, its own included.
    fn fitting_rows(&self, first: &Job) -> u32 {
        let fitting = self.waiting.iter().filter(|job| first.fits(job));
        fitting.fold(first.rows.unwrap_or_default(), |rows, job| {
            rows.saturating_add(job.rows.unwrap_or_default())
        })
    }

    /// Takes a call to be run now and those that fit it, oldest first, but leaves as much to each
    /// of `idle` threads as it takes.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        options: &GraphOptions,
        idle: usize,
    ) -> Option<Batch> {
        self.remove_cancelled();
        // Who made a batch full may have gone since it was found due: the oldest is run then.
        let leader = self.leader(now, options).unwrap_or(0);
        let first = self.waiting.remove(leader)?;
        let available = self.fitting_rows(&first);
        let share = available.div_ceil(idle.saturating_add(1) as u32);
        let waited = !options.max_wait.is_zero();
        let Some(mut rows) = first.rows else {
            return Some(Batch { jobs: vec![first], closed: Closed::Single });
        };
        let most = options.max_batch.min(share);
        let mut jobs = vec![first];
        let mut index = leader;
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
        let batch = queue.take(Instant::now(), &options(8), 0).unwrap();
        assert_eq!((lengths(&batch), batch.closed), (vec![(1, 8), (2, 8)], Closed::Drained));
        let batch = queue.take(Instant::now(), &options(8), 0).unwrap();
        assert_eq!((lengths(&batch), batch.closed), (vec![(1, 16), (1, 16)], Closed::Drained));
        assert!(queue.take(Instant::now(), &options(8), 0).is_none());
    }

    #[test]
    fn a_batch_never_exceeds_its_limit() {
        let (mut queue, _receivers) = filled(&[(2, 8), (3, 8), (2, 8), (2, 8)]);
        let batch = queue.take(Instant::now(), &options(4), 0).unwrap();
        assert_eq!((lengths(&batch), batch.closed), (vec![(2, 8), (2, 8)], Closed::Full));
        let batch = queue.take(Instant::now(), &options(4), 0).unwrap();
        assert_eq!((lengths(&batch), batch.closed), (vec![(3, 8)], Closed::Full));
        let batch = queue.take(Instant::now(), &options(4), 0).unwrap();
        assert_eq!((lengths(&batch), batch.closed), (vec![(2, 8)], Closed::Drained));
    }

    #[test]
    fn idle_threads_get_their_share() {
        let (mut queue, _receivers) = filled(&[(1, 8); 4]);
        let batch = queue.take(Instant::now(), &options(8), 1).unwrap();
        assert_eq!((batch.jobs.len(), batch.closed), (2, Closed::Shared));
        let batch = queue.take(Instant::now(), &options(8), 0).unwrap();
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
        assert_eq!(queue.take(Instant::now(), &options(8), 0).unwrap().jobs.len(), 1);
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
    fn what_nothing_can_join_goes_before_an_older_call_that_waits_for_company() {
        let wait = Duration::from_secs(3600);
        let options = GraphOptions { max_batch: 2, max_wait: wait, ..GraphOptions::default() };
        let (mut queue, mut receivers) = filled(&[(1, 8), (1, 16), (2, 4), (1, 16)]);
        let now = queue.waiting[0].arrived;
        assert_eq!(queue.due(now, &options), Due::Now);
        let batch = queue.take(now, &options, 0).unwrap();
        assert_eq!((lengths(&batch), batch.closed), (vec![(2, 4)], Closed::Full));
        let batch = queue.take(now, &options, 0).unwrap();
        assert_eq!((lengths(&batch), batch.closed), (vec![(1, 16), (1, 16)], Closed::Full));
        assert_eq!(queue.due(now, &options), Due::At(now + wait));
        let (single, receiver) = job(1, 16);
        receivers.push(receiver);
        assert!(queue.push(Job { rows: None, ..single }, 9).is_ok());
        assert_eq!(queue.due(now, &options), Due::Now);
        assert_eq!(queue.take(now, &options, 0).unwrap().closed, Closed::Single);
        assert_eq!(queue.due(now, &options), Due::At(now + wait));
        assert_eq!(queue.due(now + wait, &options), Due::Now);
    }

    #[test]
    fn what_cannot_be_stacked_runs_by_itself() {
        let (mut queue, _receivers) = filled(&[(1, 8), (1, 8)]);
        queue.waiting[0].rows = None;
        let batch = queue.take(Instant::now(), &options(8), 0).unwrap();
        assert_eq!((batch.jobs.len(), batch.closed), (1, Closed::Single));
    }
}
