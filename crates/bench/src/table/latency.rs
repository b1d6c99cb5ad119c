use std::fmt::Write as _;

use super::grid::{Grid, footnote, ratio};
use crate::format::{digits, size, time, time_or_dash};
use crate::load::Verb;
use crate::report::{Comparison, Errors, Part, Report, Summary, TargetReport};

const HEADER: [&str; 12] = [
    "target",
    "requests",
    "errors",
    "req/s",
    "p50",
    "p90",
    "p99",
    "p99.9",
    "max",
    "mean ± σ",
    "jitter",
    "received",
];

/// The table of `bench` and `cold`.
pub fn latency(report: &Report) -> String {
    let mut grid = Grid::with_header(&HEADER);
    for target in &report.targets {
        grid.push(row(&target.name, &target.summary));
    }
    let mut text = format!("{}\n\n{grid}", report.scenario.describe());
    text += &errors(report.targets.iter().map(|target| (&*target.name, &target.summary.errors)));
    if report.verb == Verb::Cold {
        let _ = write!(text, "\n{}", parts(&report.targets));
    }
    if !report.ratios.is_empty() {
        let _ = write!(text, "\n{}", ratios(&report.ratios));
    }
    for target in &report.targets {
        if let Some(pacing) = &target.pacing {
            let [p50, p99, max] = [pacing.p50_ms, pacing.p99_ms, pacing.max_ms].map(time);
            let _ = write!(
                text,
                "\n{}: requests left {p50} after their intended time (p99 {p99}, max {max})",
                target.name
            );
        }
    }
    text.trim_end().to_owned() + "\n"
}

fn row(name: &str, summary: &Summary) -> Vec<String> {
    let known = |text: String| if summary.recorded > 0 { text } else { "–".to_owned() };
    vec![
        name.to_owned(),
        summary.requests.to_string(),
        summary.errors.total().to_string(),
        digits(summary.requests_per_second),
        known(time(summary.p50_ms)),
        known(time(summary.p90_ms)),
        known(time(summary.p99_ms)),
        known(time(summary.p99_9_ms)),
        known(time(summary.max_ms)),
        known(format!("{} ± {}", time(summary.mean_ms), time(summary.sigma_ms))),
        known(digits(summary.jitter)),
        size(summary.bytes as f64),
    ]
}

/// A line for each target that had errors.
pub(super) fn errors<'a>(targets: impl Iterator<Item = (&'a str, &'a Errors)>) -> String {
    let mut text = String::new();
    for (name, errors) in targets.filter(|(_, errors)| errors.total() > 0) {
        let statuses =
            errors.statuses.iter().map(|(status, count)| (format!("status {status}"), *count));
        let kinds = [
            ("no connection", errors.connect),
            ("timeout", errors.timeout),
            ("connection broke", errors.reset),
            ("not HTTP", errors.protocol),
        ];
        let kinds = kinds.into_iter().map(|(kind, count)| (kind.to_owned(), count));
        let found = kinds.chain(statuses).filter(|(_, count)| *count > 0);
        let list: Vec<String> = found.map(|(kind, count)| format!("{count} × {kind}")).collect();
        let _ = writeln!(text, "errors of {name}: {}", list.join(", "));
    }
    text
}

fn parts(targets: &[TargetReport]) -> Grid {
    let mut grid = Grid::with_header(&[
        "parts",
        "instantiate p50",
        "p99",
        "wait p50",
        "p99",
        "guest p50",
        "p99",
        "ready",
        "inline",
    ]);
    for target in targets {
        let mut row = vec![target.name.clone()];
        let parts = target.parts.as_ref();
        let named = parts.map(|parts| [&parts.instantiate, &parts.wait, &parts.guest]);
        for index in 0..3 {
            let part: Option<&Part> = named.and_then(|named| named[index].as_ref());
            row.push(time_or_dash(part.map(|part| part.median_ms)));
            row.push(time_or_dash(part.map(|part| part.p99_ms)));
        }
        let count = |count: Option<u64>| count.map_or_else(|| "–".to_owned(), |c| c.to_string());
        row.push(count(parts.map(|parts| parts.ready)));
        row.push(count(parts.map(|parts| parts.inline)));
        grid.push(row);
    }
    grid
}

/// The comparisons with the first target, and what their intervals rest on.
fn ratios(comparisons: &[Comparison]) -> String {
    let mut grid = Grid::with_header(&["ratio", "p50", "p90", "p99", "p99.9", "jitter", "req/s"]);
    for comparison in comparisons {
        let Comparison { of, to, p50, p90, p99, p99_9, jitter, requests_per_second, .. } =
            comparison;
        let figures = [p50, p90, p99, p99_9, jitter, requests_per_second];
        let mut row = vec![format!("{of} / {to}")];
        row.extend(figures.map(|figure| ratio(*figure)));
        grid.push(row);
    }
    let source = comparisons.first().map(|comparison| comparison.resampled);
    format!("{grid}{}", source.map(footnote).unwrap_or_default())
}
