use std::time::{Duration, Instant};

use crate::error::Result;
use crate::histogram::Latencies;
use crate::server_timing::{PartTimes, Timing};
use crate::tally::{Outcome, Tally};

/// When a round measures, and how finely it keeps what it sees.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    /// Requests due in this time at the beginning are sent but not recorded.
    pub(crate) warm_up: Duration,
    /// How long is measured after it.
    pub(crate) length: Duration,
    /// Parts of equal length that are tallied apart.
    pub(crate) blocks: usize,
    /// How much was measured in earlier rounds, when a time series is kept.
    pub(crate) series_from: Option<Duration>,
}

/// One target measured for one window.
pub(crate) struct Round {
    window: Window,
    opens: Instant,
    closes: Instant,
    pub(crate) blocks: Vec<Tally>,
    /// A tally for each second of the series, with the number of its first second.
    pub(crate) series: (u64, Vec<Tally>),
    pub(crate) parts: PartTimes,
    /// How late after their intended times requests were sent.
    pub(crate) lateness: Latencies,
}

impl Round {
    /// A round whose warm-up begins at `begins`.
    pub(crate) fn new(window: Window, begins: Instant) -> Result<Self> {
        let opens = begins + window.warm_up;
        let series = match window.series_from {
            None => (0, Vec::new()),
            Some(from) => {
                let end = (from + window.length).as_secs_f64().ceil() as u64;
                (from.as_secs(), tallies((end - from.as_secs()) as usize)?)
            }
        };
        Ok(Self {
            window,
            opens,
            closes: opens + window.length,
            blocks: tallies(window.blocks.max(1))?,
            series,
            parts: PartTimes::new()?,
            lateness: Latencies::new()?,
        })
    }

    /// When the last request may be sent.
    pub(crate) fn closes(&self) -> Instant {
        self.closes
    }

    /// Records a request that was due at `due` and sent at `sent`.
    pub(crate) fn record_sent(&mut self, due: Instant, sent: Instant) {
        if due >= self.opens {
            self.lateness.record(sent.saturating_duration_since(due));
        }
    }

    /// Records a request that was due at `due` and over at `done`.
    pub(crate) fn record(&mut self, due: Instant, done: Instant, outcome: &Outcome) {
        let Some(offset) = due.checked_duration_since(self.opens) else { return };
        let latency = done.saturating_duration_since(due);
        let in_time = done <= self.closes;
        let share = offset.as_secs_f64() / self.window.length.as_secs_f64();
        let block = (share * self.blocks.len() as f64) as usize;
        if let Some(tally) = self.blocks.get_mut(block) {
            tally.record(outcome, latency, in_time);
        }
        let Some(from) = self.window.series_from else { return };
        let second = (from + offset).as_secs() - self.series.0;
        if let Some(tally) = self.series.1.get_mut(second as usize) {
            tally.record(outcome, latency, in_time);
        }
        if let Some(timing) =
            outcome.as_ref().ok().and_then(|a| Timing::from_headers(&a.head.headers))
        {
            self.parts.record(&timing);
        }
    }

    /// All blocks together.
    pub(crate) fn tally(&self) -> Result<Tally> {
        let mut whole = Tally::new()?;
        self.blocks.iter().for_each(|block| whole.merge(block));
        Ok(whole)
    }

    /// The measured time in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        self.window.length.as_secs_f64()
    }
}

fn tallies(count: usize) -> Result<Vec<Tally>> {
    (0..count).map(|_| Tally::new()).collect()
}
