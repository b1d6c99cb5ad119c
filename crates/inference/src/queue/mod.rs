//! The queue of a graph: orders waiting calls by deadline and forms batches.
//! Used by `batch`, `executor` and `graphs`. Does not know threads or clocks.

mod options;
mod size;

use std::collections::VecDeque;
use std::time::Instant;

use futures::channel::oneshot;

pub use self::options::{BatchRows, Closed, GraphOptions};
pub(crate) use self::size::Size;
use crate::error::Result;
use crate::tensor::Tensor;

/// One call that waits.
pub(crate) struct Job {
    /// In the graph's order.
    pub(crate) inputs: Vec<Tensor>,
    pub(crate) size: Size,
    pub(crate) arrived: Instant,
    /// When it should be answered: earlier ones are run first. Of most calls it is when they arrived.
    pub(crate) due: Instant,
    pub(crate) respond: oneshot::Sender<Result<Vec<Tensor>>>,
}

impl Job {
    /// Its rows; 1 if they are not told apart.
    pub(crate) fn rows(&self) -> u32 {
        match self.size {
            Size::Alone => 1,
            Size::Rows(rows) => rows,
            Size::Tokens(_) => {
                let shape = self.inputs.first().map(Tensor::shape);
                shape.and_then(|shape| shape.sizes().first().copied()).unwrap_or(1)
            }
        }
    }

    fn canceled(&self) -> bool {
        self.respond.is_canceled()
    }

    /// Whether `other` can join: the same shapes but for the first dimension, unless any will do.
    fn fits(&self, other: &Self) -> bool {
        let same = |(one, other): (&Tensor, &Tensor)| {
            one.shape().sizes().get(1..) == other.shape().sizes().get(1..)
        };
        match (self.size, other.size) {
            (Size::Rows(_), Size::Rows(_)) => self.inputs.iter().zip(&other.inputs).all(same),
            (Size::Tokens(_), Size::Tokens(_)) => true,
            _ => false,
        }
    }
}

/// Calls taken together.
pub(crate) struct Batch {
    pub(crate) jobs: Vec<Job>,
    pub(crate) closed: Closed,
}

impl Batch {
    /// Tokens of all calls, where they are told.
    pub(crate) fn tokens(&self) -> usize {
        let tokens = self.jobs.iter().map(|job| match job.size {
            Size::Tokens(tokens) => tokens as usize,
            Size::Alone | Size::Rows(_) => 0,
        });
        tokens.sum()
    }
}

/// When there will be something to run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Never,
    Now,
    At(Instant),
}

/// The calls that wait for one graph, those that are due earliest first, and of those the oldest.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: VecDeque<Job>,
    canceled: u64,
}

impl Queue {
    /// Adds a call, or gives it back when `most` are waiting already.
    pub(crate) fn push(&mut self, job: Job, most: usize) -> std::result::Result<(), Job> {
        if self.waiting.len() >= most {
            self.remove_canceled();
        }
        if self.waiting.len() >= most {
            return Err(job);
        }
        let later = self.waiting.iter().rev().take_while(|waiting| waiting.due > job.due).count();
        self.waiting.insert(self.waiting.len() - later, job);
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Calls whose callers went away before they were run.
    pub(crate) fn canceled(&self) -> u64 {
        self.canceled
    }

    fn remove_canceled(&mut self) {
        let before = self.waiting.len();
        self.waiting.retain(|job| !job.canceled());
        self.canceled += (before - self.waiting.len()) as u64;
    }

    /// When there is a call to be run: the first when one has waited long enough, any as soon as
    /// nothing can join it.
    pub(crate) fn due(&mut self, now: Instant, options: &GraphOptions) -> Due {
        while self.waiting.front().is_some_and(Job::canceled) {
            self.waiting.pop_front();
            self.canceled += 1;
        }
        match (self.oldest(), self.leader(now, options)) {
            (None, _) => Due::Never,
            (Some(_), Some(_)) => Due::Now,
            (Some(arrived), None) => Due::At(arrived + options.max_wait),
        }
    }

    /// When the call arrived that has waited longest.
    fn oldest(&self) -> Option<Instant> {
        self.waiting.iter().map(|job| job.arrived).min()
    }

    /// The call to be run now, with those that fit it, if there is one.
    fn leader(&self, now: Instant, options: &GraphOptions) -> Option<usize> {
        let waited = now >= self.oldest()? + options.max_wait;
        if waited { Some(0) } else { self.first_of_full(options) }
    }

    /// The first call of the first shape that fills a batch. One that nothing can join fills its own.
    fn first_of_full(&self, options: &GraphOptions) -> Option<usize> {
        let mut shapes: Vec<(usize, u32)> = Vec::new();
        for (index, job) in self.waiting.iter().enumerate().filter(|(_, job)| !job.canceled()) {
            let most = job.size.most(options);
            let amount = job.size.amount().unwrap_or(most);
            let known = shapes.iter_mut().find(|(first, _)| self.waiting[*first].fits(job));
            let (first, amount) = match known {
                Some((first, waiting)) => {
                    *waiting = waiting.saturating_add(amount);
                    (*first, *waiting)
                }
                None => {
                    shapes.push((index, amount));
                    (index, amount)
                }
            };
            if amount >= most {
                return Some(first);
            }
        }
        None
    }

    /// Rows or tokens that could be run with `first`, its own included.
    fn fitting(&self, first: &Job) -> u32 {
        let fitting = self.waiting.iter().filter(|job| first.fits(job));
        let amount = |job: &Job| job.size.amount().unwrap_or_default();
        fitting.fold(amount(first), |sum, job| sum.saturating_add(amount(job)))
    }

    /// Takes a call to be run now and those that fit it, in their order, but leaves as much to each
    /// of `idle` threads as it takes. One that is too large for the batch leads the next.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        options: &GraphOptions,
        idle: usize,
    ) -> Option<Batch> {
        self.remove_canceled();
        // Who made a batch full may have gone since it was found due: the first is run then.
        let leader = self.leader(now, options).unwrap_or(0);
        let first = self.waiting.remove(leader)?;
        let available = self.fitting(&first);
        let largest = first.size.most(options);
        let share = first.size.share(available, idle);
        let waited = !options.max_wait.is_zero();
        let Some(mut amount) = first.size.amount() else {
            return Some(Batch { jobs: vec![first], closed: Closed::Single });
        };
        let most = largest.min(share);
        let mut jobs = vec![first];
        let mut index = leader;
        while index < self.waiting.len() && amount < most {
            let job = &self.waiting[index];
            let joined = amount.saturating_add(job.size.amount().unwrap_or_default());
            if joined > largest || !jobs[0].fits(job) {
                index += 1;
                continue;
            }
            amount = joined;
            jobs.extend(self.waiting.remove(index));
        }
        let closed = match () {
            () if amount >= largest => Closed::Full,
            () if amount < available && share < largest => Closed::Shared,
            () if amount < available => Closed::Full,
            () if waited => Closed::Waited,
            () => Closed::Drained,
        };
        Some(Batch { jobs, closed })
    }

    /// Takes the first calls, as many as have at most `most` tokens together: they do not wait for what runs, but
    /// for all that has waited longer.
    pub(crate) fn take_short(&mut self, most: u32) -> Option<Batch> {
        self.remove_canceled();
        let mut jobs: Vec<Job> = Vec::new();
        let mut left = most;
        while let Some(Size::Tokens(tokens)) = self.waiting.front().map(|job| job.size) {
            if tokens > left {
                break;
            }
            left -= tokens;
            jobs.extend(self.waiting.pop_front());
        }
        (!jobs.is_empty()).then_some(Batch { jobs, closed: Closed::Interleaved })
    }
}

#[cfg(test)]
mod tests;
