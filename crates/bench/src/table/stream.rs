use super::grid::Grid;
use crate::format::{digits, size, time};
use crate::report::StreamReport;

/// The table of `stream`.
pub fn stream(report: &StreamReport) -> String {
    let header = [
        "target",
        "connections",
        "frames",
        "lost",
        "late",
        "frames/s",
        "p50",
        "p99",
        "max",
        "cores",
        "memory",
    ];
    let mut grid = Grid::with_header(&header);
    let known = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    for target in &report.targets {
        for step in &target.steps {
            grid.push(vec![
                target.name.clone(),
                step.connections.to_string(),
                step.frames.to_string(),
                step.lost.to_string(),
                step.late.to_string(),
                digits(step.frames_per_second),
                time(step.p50_ms),
                time(step.p99_ms),
                time(step.max_ms),
                known(step.busy_cores.map(digits)),
                known(step.resident_bytes.map(|bytes| size(bytes as f64))),
            ]);
        }
    }
    format!("{}\n\n{grid}", report.scenario.describe())
}
