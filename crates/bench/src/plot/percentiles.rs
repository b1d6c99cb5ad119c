use super::axis::Axis;
use super::panel::{Frame, Panel};
use super::style::COLORS;
use super::svg::Svg;
use crate::format::tick;
use crate::report::TargetReport;

/// Latency by percentile, with the same width for each nine.
pub(super) fn draw(svg: &mut Svg, frame: Frame, targets: &[TargetReport]) {
    let most = targets.iter().map(|target| target.summary.recorded).max().unwrap_or(0);
    let latencies = targets.iter().flat_map(|target| &target.percentiles).map(|(_, ms)| *ms);
    let panel = Panel {
        frame,
        title: "Latency by percentile",
        x: Axis::nines(most as f64).labeled("percentile"),
        y: Axis::fitting(latencies, tick),
    };
    panel.draw(svg);
    for (index, target) in targets.iter().enumerate() {
        // The maximum is drawn at the last sample, 1 in N.
        let last = (target.summary.recorded as f64).log10();
        let points = target.percentiles.iter().map(|(quantile, ms)| {
            let nines = -(1.0 - quantile).log10();
            panel.point(nines.min(last), *ms)
        });
        let color = index % COLORS;
        svg.path(&points.collect::<Vec<_>>(), &format!("line stroke{color} dash{color}"));
    }
}
