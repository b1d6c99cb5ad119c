//! What a graph has done, counted without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use crate::backend::ProcessStatus;
use crate::batch::Ran;
use crate::queue::Closed;
use crate::weight_store::WeightsOrigin;

/// Powers of two: 1, 2, 4 … rows, and as many microseconds.
const SIZES: usize = 12;
const TIMES: usize = 28;

/// State of a graph and its counters since it was loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GraphStatus {
    /// Its name.
    pub name: String,
    /// Engine that computes it.
    pub backend: &'static str,
    /// Where its packed weights come from, if the backend packs them in this process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<WeightsOrigin>,
    /// The process that it is computed in, if that is another than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessStatus>,
    /// Calls that wait.
    pub waiting: usize,
    /// Batches that run.
    pub running: usize,
    /// Batches that were run.
    pub batches: u64,
    /// Rows that were run.
    pub rows: u64,
    /// Batches by their rows, up to the number given.
    pub batch_rows: Vec<Bucket>,
    /// Calls by the time they waited, up to the microseconds given.
    pub wait_us: Vec<Bucket>,
    /// Microseconds that all calls together waited.
    pub waited_us: u64,
    /// Batches by the time they ran, up to the microseconds given.
    pub run_us: Vec<Bucket>,
    /// Reasons why batches were closed, with counts.
    pub closed: Vec<(Closed, u64)>,
    /// Calls without a result.
    pub failed: u64,
    /// Calls that were run again, alone, because their batch failed.
    pub retried: u64,
    /// Calls that were refused because too many waited.
    pub refused: u64,
    /// Calls that were canceled before they ran.
    pub canceled: u64,
}

/// One bar of a histogram; empty ones are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Bucket {
    /// The largest value that was counted.
    pub up_to: u64,
    /// How many there were.
    pub count: u64,
}

/// The counters behind a [`GraphStatus`].
#[derive(Default)]
pub(crate) struct Counters {
    sizes: [AtomicU64; SIZES],
    waits: [AtomicU64; TIMES],
    runs: [AtomicU64; TIMES],
    closed: [AtomicU64; Closed::ALL.len()],
    batches: AtomicU64,
    rows: AtomicU64,
    waited_us: AtomicU64,
    run_us: AtomicU64,
    failed: AtomicU64,
    retried: AtomicU64,
    refused: AtomicU64,
}

/// The bar that `value` is counted in: the exponent of the next power of two.
fn bucket(value: u64, bars: &[AtomicU64]) -> &AtomicU64 {
    let exponent = value.max(1).next_power_of_two().trailing_zeros() as usize;
    &bars[exponent.min(bars.len() - 1)]
}

fn bars(counters: &[AtomicU64]) -> Vec<Bucket> {
    let counts = counters.iter().map(|counter| counter.load(Ordering::Relaxed)).enumerate();
    counts
        .filter(|(_, count)| *count > 0)
        .map(|(exponent, count)| Bucket { up_to: 1 << exponent, count })
        .collect()
}

impl Counters {
    pub(crate) fn waited(&self, time: Duration) {
        let microseconds = time.as_micros() as u64;
        bucket(microseconds, &self.waits).fetch_add(1, Ordering::Relaxed);
        self.waited_us.fetch_add(microseconds, Ordering::Relaxed);
    }

    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn ran(&self, rows: u64, closed: Closed, time: Duration, ran: &Ran) {
        let add = |counter: &AtomicU64, value: u64| counter.fetch_add(value, Ordering::Relaxed);
        let microseconds = time.as_micros() as u64;
        add(bucket(rows, &self.sizes), 1);
        add(bucket(microseconds, &self.runs), 1);
        if let Some(index) = Closed::ALL.iter().position(|reason| *reason == closed) {
            add(&self.closed[index], 1);
        }
        add(&self.batches, 1);
        add(&self.rows, rows);
        add(&self.run_us, microseconds);
        add(&self.failed, ran.failed());
        add(&self.retried, ran.retried);
    }

    /// Mean time that a row took, as far as there were any.
    pub(crate) fn row_time(&self) -> Duration {
        let rows = self.rows.load(Ordering::Relaxed).max(1);
        Duration::from_micros(self.run_us.load(Ordering::Relaxed) / rows)
    }

    pub(crate) fn status(&self, name: &str, backend: &'static str) -> GraphStatus {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let closed = Closed::ALL.into_iter().zip(self.closed.iter().map(get));
        GraphStatus {
            name: name.to_owned(),
            backend,
            weights: None,
            process: None,
            waiting: 0,
            running: 0,
            batches: get(&self.batches),
            rows: get(&self.rows),
            batch_rows: bars(&self.sizes),
            wait_us: bars(&self.waits),
            waited_us: get(&self.waited_us),
            run_us: bars(&self.runs),
            closed: closed.filter(|(_, count)| *count > 0).collect(),
            failed: get(&self.failed),
            retried: get(&self.retried),
            refused: get(&self.refused),
            canceled: 0,
        }
    }
}
