use std::fmt::Write as _;

use super::grid::{Grid, footnote, ratio};
use crate::format::{size, time};
use crate::report::{Resampled, Spread, StartReport};

/// The table of `start`: medians, and the range of the total.
pub fn start(report: &StartReport) -> String {
    let mut grid = Grid::with_header(&[
        "command",
        "starts",
        "first response",
        "min",
        "max",
        "process start",
        "component load",
        "instantiate",
        "first inference",
        "RSS",
        "PSS",
        "private",
    ]);
    for target in &report.targets {
        let summary = &target.summary;
        let total = |figure: fn(&Spread) -> f64| {
            summary.total.as_ref().map_or_else(|| "–".to_owned(), |spread| time(figure(spread)))
        };
        grid.push(vec![
            target.name.clone(),
            target.starts.len().to_string(),
            median(summary.total, time),
            total(|spread| spread.min),
            total(|spread| spread.max),
            median(summary.process_start, time),
            median(summary.component_load, time),
            median(summary.instantiate, time),
            median(summary.first_inference, time),
            median(summary.rss, size),
            median(summary.pss, size),
            median(summary.private, size),
        ]);
    }
    let mut text = format!("{}\n\n{grid}", report.scenario.describe());
    if !report.ratios.is_empty() {
        let _ = write!(text, "\n{}", ratios(report));
    }
    text
}

fn median(spread: Option<Spread>, text: fn(f64) -> String) -> String {
    spread.map_or_else(|| "–".to_owned(), |spread| text(spread.median))
}

fn ratios(report: &StartReport) -> String {
    let mut grid = Grid::with_header(&[
        "ratio",
        "first response",
        "component load",
        "first inference",
        "RSS",
        "PSS",
    ]);
    for comparison in &report.ratios {
        let mut row = vec![format!("{} / {}", comparison.of, comparison.to)];
        row.extend([
            ratio(comparison.total),
            ratio(comparison.component_load),
            ratio(comparison.first_inference),
            ratio(comparison.rss),
            ratio(comparison.pss),
        ]);
        grid.push(row);
    }
    format!("{grid}{}", footnote(Resampled::Starts))
}
