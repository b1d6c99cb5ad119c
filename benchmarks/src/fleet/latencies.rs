use hdrhistogram::Histogram;

/// Times are counted in nanoseconds: from 1 µs to three hours, with three digits.
const PER_SECOND: f64 = 1e9;
const SHORTEST: u64 = 1_000;
const LONGEST: u64 = 10_800_000_000_000;
const DIGITS: u8 = 3;

/// Response times in buckets whose width grows with the time.
#[derive(Clone)]
pub(crate) struct Latencies {
    histogram: Histogram<u64>,
    sum: f64,
    longest: f64,
}

impl Latencies {
    pub(super) fn new() -> anyhow::Result<Self> {
        let histogram = Histogram::new_with_bounds(SHORTEST, LONGEST, DIGITS)?;
        Ok(Self { histogram, sum: 0.0, longest: 0.0 })
    }

    /// Counts a time in seconds.
    pub(super) fn record(&mut self, seconds: f64) {
        self.histogram.saturating_record((seconds * PER_SECOND) as u64);
        self.sum += seconds;
        self.longest = self.longest.max(seconds);
    }

    pub(crate) fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The exact mean in seconds; NaN if there are none.
    pub(crate) fn mean(&self) -> f64 {
        self.sum / self.count() as f64
    }

    /// The exact maximum in seconds.
    pub(crate) fn longest(&self) -> f64 {
        self.longest
    }

    /// A quantile in seconds; NaN if there are none.
    pub(crate) fn quantile(&self, quantile: f64) -> f64 {
        if self.histogram.is_empty() {
            return f64::NAN;
        }
        self.histogram.value_at_quantile(quantile) as f64 / PER_SECOND
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_thousandth() {
        let mut latencies = Latencies::new().unwrap();
        assert!(latencies.mean().is_nan() && latencies.quantile(0.5).is_nan());
        (1..=1000).for_each(|count| latencies.record(f64::from(count) * 1e-3));
        assert_eq!((latencies.count(), latencies.longest()), (1000, 1.0));
        assert!((latencies.mean() - 0.5005).abs() < 1e-9);
        for share in [0.5, 0.9, 0.99, 1.0] {
            assert!((latencies.quantile(share) / share - 1.0).abs() < 2e-3, "{share}");
        }
    }
}
