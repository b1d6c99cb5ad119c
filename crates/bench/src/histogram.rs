use std::time::Duration;

use hdrhistogram::Histogram;

use crate::error::Result;
use crate::report::Pacing;

/// Values below are recorded as this. Counting starts at 64 ns per bucket, so that 50 µs are
/// exact to 0.2 %.
const LOWEST_NS: u64 = 100;
const HIGHEST_NS: u64 = 600_000_000_000;
const DIGITS: u8 = 3;

/// Bins of [`Latencies::bins`] for each factor of ten.
const BINS_PER_DECADE: f64 = 40.0;

/// Latencies from 100 ns to 10 min with three digits; longer ones count as 10 min.
#[derive(Clone)]
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(Histogram::new_with_bounds(LOWEST_NS, HIGHEST_NS, DIGITS)?))
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        let ns = u64::try_from(latency.as_nanos()).unwrap_or(HIGHEST_NS);
        self.0.saturating_record(ns.clamp(LOWEST_NS, HIGHEST_NS));
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (ns, count) in other.counts() {
            self.0.saturating_record_n(ns, count);
        }
    }

    /// Each latency in nanoseconds that occurred, with how often it did, rising.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value()))
    }

    pub(crate) fn len(&self) -> u64 {
        self.0.len()
    }

    pub(crate) fn quantile_ms(&self, quantile: f64) -> f64 {
        if self.0.is_empty() { 0.0 } else { ms(self.0.value_at_quantile(quantile) as f64) }
    }

    pub(crate) fn max_ms(&self) -> f64 {
        self.quantile_ms(1.0)
    }

    pub(crate) fn mean_ms(&self) -> f64 {
        if self.0.is_empty() { 0.0 } else { ms(self.0.mean()) }
    }

    pub(crate) fn sigma_ms(&self) -> f64 {
        if self.0.is_empty() { 0.0 } else { ms(self.0.stdev()) }
    }

    /// Quantiles, ten for each further nine, up to what the number of samples can show; the last
    /// is the maximum.
    pub(crate) fn percentiles(&self) -> Vec<(f64, f64)> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let tail = |step: i32| 10_f64.powf(f64::from(step) / 10.0);
        let quantiles = (0..).map(tail).take_while(|tail| *tail <= self.len() as f64);
        quantiles
            .map(|tail| 1.0 - 1.0 / tail)
            .chain([1.0])
            .map(|quantile| (quantile, self.quantile_ms(quantile)))
            .collect()
    }

    /// Counts in bins of equal ratio: lower bound and upper bound in milliseconds, count. Empty
    /// bins are left out.
    pub(crate) fn bins(&self) -> Vec<(f64, f64, u64)> {
        let bound = |bin: f64| 10_f64.powf(bin / BINS_PER_DECADE);
        let mut bins: Vec<(f64, f64, u64)> = Vec::new();
        let mut last = f64::NEG_INFINITY;
        for (ns, count) in self.counts() {
            let bin = (ms(ns as f64).log10() * BINS_PER_DECADE).floor();
            match bins.last_mut() {
                Some(tail) if bin == last => tail.2 += count,
                _ => bins.push((bound(bin), bound(bin + 1.0), count)),
            }
            last = bin;
        }
        bins
    }
}

impl From<&Latencies> for Pacing {
    fn from(lateness: &Latencies) -> Self {
        Self {
            p50_ms: lateness.quantile_ms(0.5),
            p99_ms: lateness.quantile_ms(0.99),
            max_ms: lateness.max_ms(),
        }
    }
}

fn ms(ns: f64) -> f64 {
    ns / 1e6
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(latencies: &[Duration]) -> Latencies {
        let mut recorded = Latencies::new().unwrap();
        latencies.iter().for_each(|latency| recorded.record(*latency));
        recorded
    }

    proptest! {
        #[test]
        fn a_latency_is_kept_within_half_a_percent(ns in 50_000_u64..HIGHEST_NS) {
            let median = of(&[Duration::from_nanos(ns)]).quantile_ms(0.5);
            prop_assert!((median / ms(ns as f64) - 1.0).abs() < 0.005);
        }
    }

    #[test]
    fn extremes_saturate() {
        let recorded = of(&[Duration::ZERO, Duration::MAX]);
        assert_eq!(recorded.len(), 2);
        assert!(recorded.max_ms() >= 600_000.0);
    }

    #[test]
    fn percentiles_rise_and_end_with_the_maximum() {
        let millis: Vec<_> = (1..=1000).map(Duration::from_millis).collect();
        let recorded = of(&millis);
        let percentiles = recorded.percentiles();
        assert!(percentiles.windows(2).all(|pair| pair[0].1 <= pair[1].1));
        assert_eq!(percentiles.last().unwrap(), &(1.0, recorded.max_ms()));
        assert!((recorded.quantile_ms(0.99) / 990.0 - 1.0).abs() < 0.002);
    }

    #[test]
    fn bins_hold_every_sample_once() {
        let millis: Vec<_> = (1..=500).map(Duration::from_millis).collect();
        let bins = of(&millis).bins();
        assert_eq!(bins.iter().map(|bin| bin.2).sum::<u64>(), 500);
        assert!(bins.windows(2).all(|pair| pair[0].1 <= pair[1].0 * 1.000_001));
    }
}
