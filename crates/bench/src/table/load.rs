use std::fmt::Write as _;

use super::grid::{Grid, footnote, ratio};
use super::latency::errors;
use crate::format::{digits, time};
use crate::report::{Comparison, LoadReport, StepRatios};

/// The table of `load`.
pub fn load(report: &LoadReport) -> String {
    let mut grid =
        Grid::with_header(&["target", "load", "requests", "errors", "req/s", "p50", "p99", ""]);
    for target in &report.targets {
        for (index, step) in target.steps.iter().enumerate() {
            let summary = &step.summary;
            let known = |ms| if summary.recorded > 0 { time(ms) } else { "–".to_owned() };
            let first = target.saturated_at == Some(index);
            grid.push(vec![
                target.name.clone(),
                step.load.label(),
                summary.requests.to_string(),
                summary.errors.total().to_string(),
                digits(summary.requests_per_second),
                known(summary.p50_ms),
                known(summary.p99_ms),
                if first { "saturated" } else { "" }.to_owned(),
            ]);
        }
    }
    let mut text = format!("{}\n\n{grid}", report.scenario.describe_without_load());
    for target in &report.targets {
        let steps = target.steps.iter().map(|step| (step.load.label(), &step.summary.errors));
        for (label, found) in steps {
            let name = format!("{} at {label}", target.name);
            text += &errors([(&*name, found)].into_iter());
        }
    }
    if report.targets.len() > 1 {
        let _ = write!(text, "\n{}", ratios(&report.ratios));
    }
    text
}

fn ratios(steps: &[StepRatios]) -> String {
    let mut grid = Grid::with_header(&["ratio", "load", "p50", "p99", "req/s"]);
    let comparisons =
        steps.iter().flat_map(|step| step.ratios.iter().map(|ratios| (step.load, ratios)));
    for (load, Comparison { of, to, p50, p99, requests_per_second, .. }) in comparisons.clone() {
        let figures = [p50, p99, requests_per_second].map(|figure| ratio(*figure));
        let [p50, p99, rate] = figures;
        grid.push(vec![format!("{of} / {to}"), load.label(), p50, p99, rate]);
    }
    let source = comparisons.map(|(_, ratios)| ratios.resampled).next();
    format!("{grid}{}", source.map(footnote).unwrap_or_default())
}
