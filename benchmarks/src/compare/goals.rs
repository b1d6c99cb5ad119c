//! Goals, and whether they were reached.

use std::fmt;

use serde_json::Value;

use super::words::{head, number, row};

/// What a goal asks for.
#[derive(Clone, Copy)]
pub(super) enum Bound {
    AtMost(f64),
    AtLeast(f64),
    /// Nothing: the figure is for information.
    None,
}

/// A goal and what was found.
pub(super) struct Goal {
    what: String,
    beside: String,
    bound: Bound,
    unit: &'static str,
    found: f64,
    /// 95 % confidence interval, where there is one.
    interval: Option<(f64, f64)>,
}

impl Goal {
    pub(super) fn new(what: impl Into<String>, beside: impl Into<String>, bound: Bound) -> Self {
        let (what, beside) = (what.into(), beside.into());
        Self { what, beside, bound, unit: "×", found: f64::NAN, interval: None }
    }

    pub(super) fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    pub(super) fn found(self, found: f64) -> Self {
        Self { found, ..self }
    }

    /// A ratio of `pilotlight bench`.
    pub(super) fn ratio(self, ratio: &Value) -> Self {
        let interval = Some((number(&ratio["low"]), number(&ratio["high"])));
        Self { found: number(&ratio["ratio"]), interval, ..self }
    }

    /// The same ratio found several times: their geometric mean.
    pub(super) fn repeated(self, ratios: &[f64]) -> Self {
        let count = ratios.len() as f64;
        let logarithms: Vec<f64> = ratios.iter().map(|ratio| ratio.ln()).collect();
        let mean = logarithms.iter().sum::<f64>() / count;
        let squares: f64 = logarithms.iter().map(|one| (one - mean).powi(2)).sum();
        let interval = STUDENT.get(ratios.len().wrapping_sub(2)).map(|quantile| {
            let half = quantile * (squares / (count - 1.0) / count).sqrt();
            ((mean - half).exp(), (mean + half).exp())
        });
        Self { found: mean.exp(), interval, ..self }
    }

    fn verdict(&self) -> &'static str {
        let beyond = |value: f64| match self.bound {
            Bound::AtMost(most) => value > most || value.is_nan(),
            Bound::AtLeast(least) => value < least || value.is_nan(),
            Bound::None => false,
        };
        match self.interval {
            _ if matches!(self.bound, Bound::None) => "",
            _ if beyond(self.found) => "**missed**",
            Some((low, high)) if beyond(low) || beyond(high) => {
                "reached, **not surely**: the interval goes beyond"
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
    head(page, &["what", "beside", "goal", "found", "95 % interval", ""])?;
    for goal in goals {
        let Goal { what, beside, bound, unit, found, interval } = goal;
        let asked = match bound {
            Bound::None => bound.to_string(),
            _ => format!("{bound}{unit}"),
        };
        let interval = interval.map_or(String::new(), |(low, high)| format!("{low:.3}–{high:.3}"));
        let found = format!("{found:.3}{unit}");
        let cells = [what, beside, &asked, &found, &interval, goal.verdict()];
        row(page, &cells.map(str::to_owned))?;
    }
    Ok(())
}
