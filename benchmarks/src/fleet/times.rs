use anyhow::{bail, ensure};
use rand::RngExt as _;
use rand::rngs::SmallRng;

/// A distribution of times in seconds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Times {
    /// Always the same time.
    Constant(f64),
    /// Exponential, with this mean. The theory that the tests compare with knows its results.
    #[cfg(test)]
    Exponential(f64),
    /// Pairs of quantile and time, from quantile 0 to quantile 1; linear between them.
    Quantiles(Vec<(f64, f64)>),
}

impl Times {
    /// A distribution by pairs of quantile and time in seconds.
    ///
    /// # Errors
    /// If the quantiles do not rise from 0 to 1, or the times fall or are negative.
    pub(crate) fn from_quantiles(points: Vec<(f64, f64)>) -> anyhow::Result<Self> {
        let [(first, shortest), .., (last, longest)] = &points[..] else {
            bail!("a distribution needs at least two quantiles, not {}", points.len());
        };
        let are_bounded = *first == 0.0 && *last == 1.0 && *shortest >= 0.0 && longest.is_finite();
        let are_rising =
            points.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
        ensure!(
            are_bounded && are_rising,
            "quantiles and times have to rise from 0 to 1: {points:?}"
        );
        Ok(Self::Quantiles(points))
    }

    /// The distribution of measured times in seconds.
    ///
    /// # Errors
    /// If there are none, or one is negative.
    pub(crate) fn from_samples(mut samples: Vec<f64>) -> anyhow::Result<Self> {
        samples.sort_by(f64::total_cmp);
        if let [only] = samples[..] {
            return Ok(Self::Constant(only));
        }
        let last = samples.len().saturating_sub(1) as f64;
        let points = samples.into_iter().enumerate();
        Self::from_quantiles(points.map(|(index, time)| (index as f64 / last, time)).collect())
    }

    /// The mean in seconds.
    pub(crate) fn mean(&self) -> f64 {
        match self {
            Self::Constant(time) => *time,
            #[cfg(test)]
            Self::Exponential(mean) => *mean,
            Self::Quantiles(points) => integral(points, |from, to| (from + to) / 2.0),
        }
    }

    /// The squared coefficient of variation: variance divided by the square of the mean.
    pub(crate) fn squared_variation(&self) -> f64 {
        match self {
            Self::Constant(_) => 0.0,
            #[cfg(test)]
            Self::Exponential(_) => 1.0,
            Self::Quantiles(points) => {
                let squares = integral(points, |a, b| (a * a + a * b + b * b) / 3.0);
                (squares / self.mean().powi(2) - 1.0).max(0.0)
            }
        }
    }

    /// The time below which a share `quantile` of all times lies.
    pub(crate) fn quantile(&self, quantile: f64) -> f64 {
        match self {
            Self::Constant(time) => *time,
            #[cfg(test)]
            Self::Exponential(mean) => -(1.0 - quantile).ln() * mean,
            Self::Quantiles(points) => interpolated(points, quantile),
        }
    }

    /// The same shape with another mean.
    pub(crate) fn with_mean(&self, mean: f64) -> Self {
        let factor = mean / self.mean();
        match self {
            Self::Constant(_) => Self::Constant(mean),
            #[cfg(test)]
            Self::Exponential(_) => Self::Exponential(mean),
            Self::Quantiles(points) => Self::Quantiles(
                points.iter().map(|(share, time)| (*share, time * factor)).collect(),
            ),
        }
    }

    /// A random time.
    pub(super) fn sample(&self, random: &mut SmallRng) -> f64 {
        self.quantile(random.random())
    }
}

/// The integral over all quantiles of a function of both ends of each line.
fn integral(points: &[(f64, f64)], mean_between: impl Fn(f64, f64) -> f64) -> f64 {
    points.windows(2).map(|pair| (pair[1].0 - pair[0].0) * mean_between(pair[0].1, pair[1].1)).sum()
}

fn interpolated(points: &[(f64, f64)], quantile: f64) -> f64 {
    let after = points.partition_point(|(share, _)| *share <= quantile);
    match (points.get(after.wrapping_sub(1)), points.get(after)) {
        (Some((low, from)), Some((high, to))) => {
            from + (to - from) * (quantile - low) / (high - low)
        }
        (Some((_, only)), None) | (None, Some((_, only))) => *only,
        (None, None) => 0.0,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn a_uniform_distribution_has_its_known_moments() {
        let uniform = Times::from_quantiles(vec![(0.0, 0.0), (1.0, 2.0)]).unwrap();
        assert!((uniform.mean() - 1.0).abs() < 1e-12);
        assert!((uniform.squared_variation() - 1.0 / 3.0).abs() < 1e-12);
        assert!((uniform.quantile(0.25) - 0.5).abs() < 1e-12);
        let scaled = uniform.with_mean(3.0);
        assert!((scaled.mean() - 3.0).abs() < 1e-12);
        assert!((scaled.squared_variation() - 1.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn samples_have_the_mean_of_their_distribution() {
        let times = Times::from_samples(vec![0.3, 0.1, 0.2]).unwrap();
        let mut random = SmallRng::seed_from_u64(1);
        let sum: f64 = (0..100_000).map(|_| times.sample(&mut random)).sum();
        assert!((sum / 100_000.0 / times.mean() - 1.0).abs() < 0.01);
    }

    #[test]
    fn what_is_no_distribution_is_refused() {
        for points in [
            vec![],
            vec![(0.0, 1.0)],
            vec![(0.1, 1.0), (1.0, 2.0)],
            vec![(0.0, 1.0), (0.9, 2.0)],
            vec![(0.0, 2.0), (1.0, 1.0)],
            vec![(0.0, -1.0), (1.0, 1.0)],
            vec![(0.0, 1.0), (1.0, f64::NAN)],
        ] {
            assert!(Times::from_quantiles(points.clone()).is_err(), "{points:?}");
        }
        assert!(Times::from_samples(Vec::new()).is_err());
        assert_eq!(Times::from_samples(vec![0.5]).unwrap(), Times::Constant(0.5));
    }
}
