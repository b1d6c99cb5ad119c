//! Durations counted in buckets, without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::family::{Bound, Distribution};

/// 50 µs to 10 s: a ready instance answers within the first few, a cold inference in the middle.
const BOUNDS: [Bound; 17] = [
    Bound { value: 0.00005, text: "5e-05" },
    Bound { value: 0.0001, text: "0.0001" },
    Bound { value: 0.00025, text: "0.00025" },
    Bound { value: 0.0005, text: "0.0005" },
    Bound { value: 0.001, text: "0.001" },
    Bound { value: 0.0025, text: "0.0025" },
    Bound { value: 0.005, text: "0.005" },
    Bound { value: 0.01, text: "0.01" },
    Bound { value: 0.025, text: "0.025" },
    Bound { value: 0.05, text: "0.05" },
    Bound { value: 0.1, text: "0.1" },
    Bound { value: 0.25, text: "0.25" },
    Bound { value: 0.5, text: "0.5" },
    Bound { value: 1.0, text: "1.0" },
    Bound { value: 2.5, text: "2.5" },
    Bound { value: 5.0, text: "5.0" },
    Bound { value: 10.0, text: "10.0" },
];

/// The same in nanoseconds.
const NANOSECONDS: [u64; BOUNDS.len()] = {
    let mut all = [0; BOUNDS.len()];
    let mut index = 0;
    while index < all.len() {
        all[index] = (BOUNDS[index].value * 1e9 + 0.5) as u64;
        index += 1;
    }
    all
};

/// Count and total duration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Total {
    /// Number.
    pub count: u64,
    /// Nanoseconds.
    pub ns: u64,
}

/// A histogram of durations.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    counts: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

impl Histogram {
    pub(crate) fn add(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let bucket = NANOSECONDS.partition_point(|bound| *bound < nanoseconds);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    pub(crate) fn total(&self) -> Total {
        Total {
            count: self.counts.iter().map(|count| count.load(Ordering::Relaxed)).sum(),
            ns: self.nanoseconds.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn distribution(&self) -> Distribution {
        Distribution {
            bounds: &BOUNDS,
            counts: self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect(),
            sum: self.nanoseconds.load(Ordering::Relaxed) as f64 / 1e9,
        }
    }
}
