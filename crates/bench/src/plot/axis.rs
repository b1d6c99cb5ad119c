/// The ratio of the largest to the smallest value above which an axis is logarithmic.
const LINEAR_SPREAD: f64 = 20.0;
const MOST_TICKS: usize = 7;

/// The values along one side of a panel.
pub(super) struct Axis {
    low: f64,
    high: f64,
    log: bool,
    pub(super) ticks: Vec<(f64, String)>,
    /// The quantity that the axis shows.
    pub(super) label: &'static str,
}

/// Formats a tick.
pub(super) type Format = fn(f64) -> String;

impl Axis {
    /// A linear axis from zero with round ticks.
    pub(super) fn from_zero(high: f64, format: Format) -> Self {
        let high = if high > 0.0 { high * 1.05 } else { 1.0 };
        Self::new((0.0, high), false, labeled(round_ticks(0.0, high), format))
    }

    pub(super) fn log(low: f64, high: f64, format: Format) -> Self {
        let ticks = labeled(log_ticks(low, high), format);
        Self::new((low, high), true, ticks)
    }

    /// An axis for all positive values, logarithmic if they differ much.
    pub(super) fn fitting(values: impl Iterator<Item = f64>, format: Format) -> Self {
        let (low, high) = values
            .filter(|value| *value > 0.0)
            .fold((f64::MAX, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
        if high > low * LINEAR_SPREAD {
            Self::log(low / 1.1, high * 1.1, format)
        } else {
            Self::from_zero(high, format)
        }
    }

    /// Quantiles by their number of nines, up to one in `tail`.
    pub(super) fn nines(tail: f64) -> Self {
        let high = tail.log10().max(1.0);
        let names = ["0 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "99.9999 %"];
        let ticks = (0_u8..).map(f64::from).zip(names).filter(|(nines, _)| *nines <= high);
        let ticks = ticks.map(|(nines, name)| (nines, name.to_owned())).collect();
        Self::new((0.0, high), false, ticks)
    }

    /// An axis with ticks at the values of the data.
    pub(super) fn of_steps(values: &[f64], format: Format) -> Self {
        let (low, high) =
            values.iter().fold((f64::MAX, 0.0_f64), |(l, h), v| (l.min(*v), h.max(*v)));
        let log = high > low * 4.0 && low > 0.0;
        let bounds = if log { (low / 1.15, high * 1.15) } else { (0.0, high * 1.05) };
        let stride = values.len().div_ceil(MOST_TICKS).max(1);
        let ticks = values.iter().copied().step_by(stride).collect();
        Self::new(bounds, log, labeled(ticks, format))
    }

    pub(super) fn labeled(self, label: &'static str) -> Self {
        Self { label, ..self }
    }

    pub(super) fn without_ticks(self) -> Self {
        Self { ticks: Vec::new(), ..self }
    }

    /// The position of a value on the axis, from 0 to 1.
    pub(super) fn share(&self, value: f64) -> f64 {
        let share = if self.log {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        share.clamp(0.0, 1.0)
    }

    fn new((low, high): (f64, f64), log: bool, ticks: Vec<(f64, String)>) -> Self {
        Self { low, high, log, ticks, label: "" }
    }
}

fn labeled(ticks: Vec<f64>, format: Format) -> Vec<(f64, String)> {
    ticks.into_iter().map(|tick| (tick, format(tick))).collect()
}

/// Four to seven multiples of 1, 2 or 5 times a power of ten.
fn round_ticks(low: f64, high: f64) -> Vec<f64> {
    let power = 10_f64.powf(((high - low) / 5.0).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    let fits = |step: &&f64| ((high - low) / **step) < MOST_TICKS as f64;
    let step = steps.iter().find(fits).copied().unwrap_or(high - low);
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    (first..=last).map(|index| index as f64 * step).collect()
}

/// 1, 2 and 5 in every decade, or powers of ten when those are too many.
fn log_ticks(low: f64, high: f64) -> Vec<f64> {
    let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let within = |factors: &[f64]| -> Vec<f64> {
        let all = decades
            .clone()
            .flat_map(|decade| factors.iter().map(move |factor| factor * 10_f64.powi(decade)));
        all.filter(|tick| (low..=high).contains(tick)).collect()
    };
    let fine = within(&[1.0, 2.0, 5.0]);
    match fine.len() {
        0..=2 => round_ticks(low, high),
        3..=MOST_TICKS => fine,
        _ => within(&[1.0]),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ticks_are_few_and_on_the_axis(low in 0.001_f64..10.0, spread in 1.1_f64..1e6) {
            let high = low * spread;
            for axis in [Axis::log(low, high, |v| v.to_string()), Axis::from_zero(high, |v| v.to_string())] {
                prop_assert!((2..=8).contains(&axis.ticks.len()), "{:?}", axis.ticks);
                prop_assert!(axis.ticks.iter().all(|(tick, _)| (axis.low..=axis.high).contains(tick)));
            }
        }
    }

    #[test]
    fn positions_run_from_one_end_to_the_other() {
        let axis = Axis::log(1.0, 100.0, |v| v.to_string());
        assert_eq!([1.0, 10.0, 100.0, 1000.0].map(|v| axis.share(v)), [0.0, 0.5, 1.0, 1.0]);
    }
}
