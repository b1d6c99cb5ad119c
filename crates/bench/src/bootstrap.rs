//! Ratios between targets with bootstrap confidence intervals.

use std::collections::BTreeSet;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::report::{Comparison, Ratio, Resampled};
use crate::round::Round;
use crate::tally::Tally;

const RESAMPLES: usize = 1000;

/// What one target's resamples are drawn from.
pub(crate) struct Units<'a> {
    name: &'a str,
    /// Every latency that occurred, in nanoseconds, rising.
    values: Vec<u64>,
    units: Vec<Unit>,
    resampled: Resampled,
}

struct Unit {
    /// How often each of the values occurred.
    counts: Vec<u64>,
    in_time: u64,
    seconds: f64,
}

/// What is compared between two targets.
struct Figures {
    p50: f64,
    p90: f64,
    p99: f64,
    p99_9: f64,
    throughput: f64,
}

impl<'a> Units<'a> {
    pub(crate) fn new(name: &'a str, rounds: &[Round], by_round: bool) -> Self {
        let whole = rounds.iter().map(|round| (&round.blocks[..], round.seconds()));
        let groups: Vec<(&[Tally], f64)> = if by_round {
            whole.collect()
        } else {
            whole
                .flat_map(|(blocks, seconds)| {
                    blocks.chunks(1).map(move |block| (block, seconds / blocks.len() as f64))
                })
                .collect()
        };
        let blocks = rounds.iter().flat_map(|round| &round.blocks);
        let values: BTreeSet<u64> =
            blocks.flat_map(|block| block.latencies.counts().map(|(ns, _)| ns)).collect();
        let values: Vec<u64> = values.into_iter().collect();
        let units = groups.into_iter().map(|(blocks, s)| Unit::new(blocks, s, &values)).collect();
        let resampled = if by_round { Resampled::Rounds } else { Resampled::Blocks };
        Self { name, values, units, resampled }
    }

    /// This target relative to `base`. Rounds of the targets alternate in time, so the same rounds are
    /// drawn for both targets; blocks are drawn independently.
    pub(crate) fn compare(&self, base: &Self, seed: u64) -> Comparison {
        let mut rng = SmallRng::seed_from_u64(seed);
        let paired = self.resampled == Resampled::Rounds && self.units.len() == base.units.len();
        let draws: Vec<(Figures, Figures)> = (0..RESAMPLES)
            .map(|_| {
                let of = draw(&mut rng, self.units.len());
                let to = if paired { of.clone() } else { draw(&mut rng, base.units.len()) };
                (self.figures(&of), base.figures(&to))
            })
            .collect();
        let (of, to) =
            (self.figures(&vec![1; self.units.len()]), base.figures(&vec![1; base.units.len()]));
        let ratio = |figure: fn(&Figures) -> f64| {
            let drawn = draws.iter().map(|(of, to)| figure(of) / figure(to)).collect();
            interval(figure(&of) / figure(&to), drawn)
        };
        Comparison {
            of: self.name.to_owned(),
            to: base.name.to_owned(),
            resampled: self.resampled,
            p50: ratio(|figures| figures.p50),
            p90: ratio(|figures| figures.p90),
            p99: ratio(|figures| figures.p99),
            p99_9: ratio(|figures| figures.p99_9),
            jitter: ratio(|figures| figures.p99_9 / figures.p50),
            requests_per_second: ratio(|figures| figures.throughput),
        }
    }

    /// The figures when each unit occurs as often as its weight says.
    fn figures(&self, weights: &[u64]) -> Figures {
        let mut totals = vec![0; self.values.len()];
        let (mut in_time, mut seconds) = (0, 0.0);
        for (unit, weight) in self.units.iter().zip(weights).filter(|(_, weight)| **weight > 0) {
            in_time += unit.in_time * weight;
            seconds += unit.seconds * *weight as f64;
            totals.iter_mut().zip(&unit.counts).for_each(|(total, count)| *total += count * weight);
        }
        let count: u64 = totals.iter().sum();
        let quantile = |quantile: f64| {
            let rank = ((count as f64 * quantile).ceil() as u64).max(1);
            let mut below = 0;
            let reaches = |total: &u64| {
                below += total;
                below >= rank
            };
            totals.iter().position(reaches).map_or(0.0, |index| self.values[index] as f64)
        };
        Figures {
            p50: quantile(0.5),
            p90: quantile(0.9),
            p99: quantile(0.99),
            p99_9: quantile(0.999),
            throughput: in_time as f64 / seconds,
        }
    }
}

impl Unit {
    fn new(blocks: &[Tally], seconds: f64, values: &[u64]) -> Self {
        let mut counts = vec![0; values.len()];
        for (ns, count) in blocks.iter().flat_map(|block| block.latencies.counts()) {
            if let Ok(index) = values.binary_search(&ns) {
                counts[index] += count;
            }
        }
        Self { counts, in_time: blocks.iter().map(|block| block.in_time).sum(), seconds }
    }
}

/// The ratio of the medians of two quantities that were measured in turn.
pub(crate) fn ratio_of_medians(of: &[f64], to: &[f64], seed: u64) -> Option<Ratio> {
    let count = of.len().min(to.len());
    let mut rng = SmallRng::seed_from_u64(seed);
    let draws = (0..RESAMPLES).map(|_| {
        let picked: Vec<usize> = (0..count).map(|_| rng.random_range(0..count)).collect();
        let pick = |from: &[f64]| picked.iter().map(|index| from[*index]).collect::<Vec<_>>();
        median(&pick(of)).zip(median(&pick(to))).map_or(f64::NAN, |(of, to)| of / to)
    });
    let draws = draws.collect();
    median(of).zip(median(to)).and_then(|(of, to)| interval(of / to, draws))
}

/// The middle value, or the mean of the two in the middle.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) =
        (sorted.get(sorted.len().checked_sub(1)? / 2)?, sorted.get(sorted.len() / 2)?);
    Some(f64::midpoint(*low, *high))
}

/// How often each of `count` units occurs in one draw with replacement.
fn draw(rng: &mut SmallRng, count: usize) -> Vec<u64> {
    let mut weights = vec![0; count];
    for _ in 0..count {
        weights[rng.random_range(0..count)] += 1;
    }
    weights
}

/// The middle 95 % of the draws; draws that divide by zero are left out.
fn interval(ratio: f64, mut draws: Vec<f64>) -> Option<Ratio> {
    draws.retain(|draw| draw.is_finite());
    draws.sort_by(f64::total_cmp);
    let at =
        |share: f64| draws.get((share * draws.len().saturating_sub(1) as f64).round() as usize);
    let (low, high) = (*at(0.025)?, *at(0.975)?);
    ratio.is_finite().then_some(Ratio { ratio, low, high })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_constant_factor_is_narrow_and_holds_it() {
        let base: Vec<f64> = (0..50).map(|n| 10.0 + f64::from(n % 7)).collect();
        let twice: Vec<f64> = base.iter().map(|value| value * 2.0).collect();
        let Ratio { ratio, low, high } = ratio_of_medians(&twice, &base, 1).unwrap();
        assert_eq!((ratio, low, high), (2.0, 2.0, 2.0));
    }

    #[test]
    fn an_interval_holds_its_ratio_and_repeats_with_its_seed() {
        let of: Vec<f64> = (0..30).map(|n| 20.0 + f64::from(n * 7 % 11)).collect();
        let to: Vec<f64> = (0..30).map(|n| 10.0 + f64::from(n * 5 % 13)).collect();
        let first = ratio_of_medians(&of, &to, 3).unwrap();
        assert!(first.low < first.ratio && first.ratio < first.high);
        assert_eq!(Some(first), ratio_of_medians(&of, &to, 3));
    }

    #[test]
    fn nothing_and_zero_have_no_ratio() {
        assert_eq!(ratio_of_medians(&[], &[], 1), None);
        assert_eq!(ratio_of_medians(&[1.0], &[0.0], 1), None);
        assert_eq!(median(&[3.0, 1.0, 2.0, 10.0]), Some(2.5));
    }
}
