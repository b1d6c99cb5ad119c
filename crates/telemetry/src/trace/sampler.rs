use super::id::TraceId;

/// Which of the traces that begin here are recorded. Those that come from elsewhere are recorded
/// when their senders record them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampler {
    /// Traces with less randomness are not recorded.
    threshold: u64,
}

const RANGE: u64 = 1 << 56;

/// A share of traces that is not one.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} is not a share of traces; must be a number from 0 to 1")]
pub struct BadRatio(f64);

impl Sampler {
    /// Records no trace that begins here.
    pub const NEVER: Self = Self { threshold: RANGE };

    /// Records this share of traces, 0 to 1: the same ones as every other program that goes by
    /// the randomness of their names (OpenTelemetry, "TraceState: Probability Sampling").
    ///
    /// # Errors
    /// [`BadRatio`] for other numbers.
    pub fn new(ratio: f64) -> Result<Self, BadRatio> {
        if !(0.0..=1.0).contains(&ratio) {
            return Err(BadRatio(ratio));
        }
        Ok(Self { threshold: ((1.0 - ratio) * RANGE as f64).round() as u64 })
    }

    pub(super) fn takes(self, trace: TraceId) -> bool {
        trace.randomness() >= self.threshold
    }
}
