//! What one side of a canary answered in a step, counted without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

/// Nanoseconds are kept exactly below 2^5, then with their 5 highest bits: the middle of a bar is
/// within 1/32 of every value in it.
const EXACT: u64 = 32;
const BARS_PER_OCTAVE: usize = 16;
/// The longest time that is told apart, 4.9 hours.
const LONGEST: u64 = (1 << 44) - 1;
const BARS: usize = EXACT as usize + (44 - 5) * BARS_PER_OCTAVE;

/// Counts of requests by their latency.
pub(crate) struct Window {
    failures: AtomicU64,
    bars: [AtomicU64; BARS],
}

/// Requests that were seen in a step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WindowCounts {
    /// Number of requests.
    pub requests: u64,
    /// Number of failed requests.
    pub failures: u64,
    /// 99 % were answered within this time, to 3 %; zero without requests.
    #[serde(rename = "p99_us", serialize_with = "microseconds")]
    pub p99: Duration,
}

fn microseconds<S: serde::Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(time.as_secs_f64() * 1e6)
}

impl WindowCounts {
    /// Failures as a share of requests; none without requests.
    pub(crate) fn error_rate(&self) -> f64 {
        self.failures as f64 / self.requests.max(1) as f64
    }
}

impl Default for Window {
    fn default() -> Self {
        Self { failures: AtomicU64::new(0), bars: [const { AtomicU64::new(0) }; BARS] }
    }
}

impl Window {
    pub(crate) fn add(&self, latency: Duration, failed: bool) {
        if let Some(bar) = self.bars.get(bar(nanoseconds(latency))) {
            bar.fetch_add(1, Ordering::Relaxed);
        }
        self.failures.fetch_add(u64::from(failed), Ordering::Relaxed);
    }

    pub(crate) fn clear(&self) {
        self.failures.store(0, Ordering::Relaxed);
        self.bars.iter().for_each(|bar| bar.store(0, Ordering::Relaxed));
    }

    /// Requests that took longer, to 6 %.
    pub(crate) fn slower_than(&self, limit: Duration) -> u64 {
        let limit = bar(nanoseconds(limit));
        self.bars.iter().skip(limit + 1).map(|bar| bar.load(Ordering::Relaxed)).sum()
    }

    pub(crate) fn seen(&self) -> WindowCounts {
        let failures = self.failures.load(Ordering::Relaxed);
        let counts: Vec<u64> = self.bars.iter().map(|bar| bar.load(Ordering::Relaxed)).collect();
        let requests: u64 = counts.iter().sum();
        // A request may be counted between the two.
        let failures = failures.min(requests);
        WindowCounts { requests, failures, p99: p99(&counts, requests) }
    }
}

fn p99(counts: &[u64], requests: u64) -> Duration {
    let rank = requests - requests / 100;
    let mut below = 0;
    let bar = counts.iter().position(|count| {
        below += count;
        below >= rank
    });
    bar.filter(|_| requests > 0).map_or(Duration::ZERO, middle)
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(LONGEST).min(LONGEST)
}

fn bar(nanoseconds: u64) -> usize {
    if nanoseconds < EXACT {
        return nanoseconds as usize;
    }
    let shift = nanoseconds.ilog2() - 4;
    let octave = shift as usize - 1;
    EXACT as usize + octave * BARS_PER_OCTAVE + (nanoseconds >> shift) as usize - BARS_PER_OCTAVE
}

fn middle(bar: usize) -> Duration {
    let Some(above) = bar.checked_sub(EXACT as usize) else {
        return Duration::from_nanos(bar as u64);
    };
    let shift = above / BARS_PER_OCTAVE + 1;
    let first = ((above % BARS_PER_OCTAVE + BARS_PER_OCTAVE) as u64) << shift;
    Duration::from_nanos(first + (1 << (shift - 1)))
}
