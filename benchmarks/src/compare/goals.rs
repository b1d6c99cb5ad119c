//! Performance goals and the table that compares them with the results.

use std::fmt;

use serde_json::Value;

use super::markdown::{table_head, table_row};
use super::report::number;

/// The limit of a goal.
#[derive(Clone, Copy)]
pub(super) enum Bound {
    AtMost(f64),
    AtLeast(f64),
    /// No limit: the figure is for information.
    None,
}

/// A goal and the result.
pub(super) struct Goal {
    metric: String,
    /// What a ratio is relative to.
    baseline: String,
    bound: Bound,
    unit: &'static str,
    measured: f64,
    /// 95 % confidence interval, if known.
    interval: Option<(f64, f64)>,
}

impl Goal {
    pub(super) fn new(
        metric: impl Into<String>,
        baseline: impl Into<String>,
        bound: Bound,
    ) -> Self {
        let (metric, baseline) = (metric.into(), baseline.into());
        Self { metric, baseline, bound, unit: "×", measured: f64::NAN, interval: None }
    }

    pub(super) fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    pub(super) fn measured(self, measured: f64) -> Self {
        Self { measured, ..self }
    }

    /// A ratio from a report of `pilotlight bench`.
    pub(super) fn ratio(self, ratio: &Value) -> Self {
        let interval = Some((number(&ratio["low"]), number(&ratio["high"])));
        Self { measured: number(&ratio["ratio"]), interval, ..self }
    }

    /// The geometric mean of a ratio that was measured several times.
    pub(super) fn repeated(self, ratios: &[f64]) -> Self {
        let count = ratios.len() as f64;
        let logarithms: Vec<f64> = ratios.iter().map(|ratio| ratio.ln()).collect();
        let mean = logarithms.iter().sum::<f64>() / count;
        let squares: f64 = logarithms.iter().map(|one| (one - mean).powi(2)).sum();
        let interval = STUDENT.get(ratios.len().wrapping_sub(2)).map(|quantile| {
            let half = quantile * (squares / (count - 1.0) / count).sqrt();
            ((mean - half).exp(), (mean + half).exp())
        });
        Self { measured: mean.exp(), interval, ..self }
    }

    fn result(&self) -> &'static str {
        let beyond = |value: f64| match self.bound {
            Bound::AtMost(most) => value > most || value.is_nan(),
            Bound::AtLeast(least) => value < least || value.is_nan(),
            Bound::None => false,
        };
        match self.interval {
            _ if matches!(self.bound, Bound::None) => "",
            _ if beyond(self.measured) => "**missed**",
            Some((low, high)) if beyond(low) || beyond(high) => {
                "reached, but the interval exceeds the goal"
            }
            _ => "reached",
        }
    }
}

/// The 97.5 % quantiles of Student's distribution for 2, 3, … values.
const STUDENT: [f64; 9] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(most) => write!(f, "≤ {most:.3}"),
            Self::AtLeast(least) => write!(f, "≥ {least:.3}"),
            Self::None => f.write_str("–"),
        }
    }
}

/// The table of all goals.
pub(super) fn table(page: &mut String, goals: &[Goal]) -> fmt::Result {
    page.push_str("## Goals\n");
    let columns = ["metric", "relative to", "goal", "measured", "95 % interval", "result"];
    table_head(page, &columns)?;
    for goal in goals {
        let Goal { metric, baseline, bound, unit, measured, interval } = goal;
        let limit = match bound {
            Bound::None => bound.to_string(),
            _ => format!("{bound}{unit}"),
        };
        let interval = interval.map_or(String::new(), |(low, high)| format!("{low:.3}–{high:.3}"));
        let measured = format!("{measured:.3}{unit}");
        let cells = [metric, baseline, &limit, &measured, &interval, goal.result()];
        table_row(page, &cells.map(str::to_owned))?;
    }
    Ok(())
}
