//! What becomes of frames.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::audio::FRAME_MS;
use crate::error::Result;
use crate::histogram::Latencies;
use crate::report::StreamStep;

/// Counts the frames of all connections that were due within a window.
pub(super) struct Tally {
    from: Instant,
    until: Instant,
    /// An answer that comes later is late.
    period: Duration,
    counts: Mutex<Counts>,
}

struct Counts {
    latencies: Latencies,
    late: u64,
    broken: usize,
}

impl Tally {
    pub(super) fn new(from: Instant, until: Instant, period: Duration) -> Result<Self> {
        let counts = Counts { latencies: Latencies::new()?, late: 0, broken: 0 };
        Ok(Self { from, until, period, counts: Mutex::new(counts) })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a frame that was due at `due` is counted.
    pub(super) fn counts_frame(&self, due: Instant) -> bool {
        (self.from..self.until).contains(&due)
    }

    /// A frame that was due at `due` has been answered.
    pub(super) fn answered(&self, due: Instant, now: Instant) {
        if !self.counts_frame(due) {
            return;
        }
        let latency = now.saturating_duration_since(due);
        let mut counts = self.counts();
        counts.latencies.record(latency);
        counts.late += u64::from(latency > self.period);
    }

    /// A connection could not be opened, or broke off.
    pub(super) fn broke(&self) {
        self.counts().broken += 1;
    }

    /// What has become of `frames` frames.
    pub(super) fn step(&self, connections: usize, frames: u64) -> StreamStep {
        let counts = self.counts();
        let latencies = &counts.latencies;
        let answered = latencies.len();
        let seconds = (self.until - self.from).as_secs_f64();
        let frames_per_second = answered as f64 / seconds;
        StreamStep {
            connections,
            broken: counts.broken,
            frames,
            lost: frames.saturating_sub(answered),
            late: counts.late,
            frames_per_second,
            real_time_factor: frames_per_second * FRAME_MS / 1000.0,
            p50_ms: latencies.quantile_ms(0.5),
            p90_ms: latencies.quantile_ms(0.9),
            p99_ms: latencies.quantile_ms(0.99),
            p99_9_ms: latencies.quantile_ms(0.999),
            max_ms: latencies.max_ms(),
            busy_cores: None,
            resident_bytes: None,
            percentiles: latencies.percentiles(),
        }
    }
}
