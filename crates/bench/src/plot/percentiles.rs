use super::axis::Axis;
use super::panel::{Frame, Panel};
use super::style::COLOURS;
use super::svg::Svg;
use crate::report::TargetReport;
use crate::units::tick;

/// Latency by percentile; each nine takes as much room as the one before.
pub(super) fn draw(svg: &mut Svg, frame: Frame, targets: &[TargetReport]) {
    let most = targets.iter().map(|target| target.summary.recorded).max().unwrap_or(0);
    let latencies = targets.iter().flat_map(|target| &target.percentiles).map(|(_, ms)| *ms);
    let panel = Panel {
        frame,
        title: "Latency by percentile",
        x: Axis::nines(most as f64).labelled("requests that took at most this long"),
        y: Axis::fitting(latencies, tick),
    };
    panel.draw(svg);
    for (index, target) in targets.iter().enumerate() {
        // The maximum stands where the last sample is: one in as many as there are.
        let last = (target.summary.recorded as f64).log10();
        let points = target.percentiles.iter().map(|(quantile, ms)| {
            let nines = -(1.0 - quantile).log10();
            panel.point(nines.min(last), *ms)
        });
        let colour = index % COLOURS;
        svg.path(&points.collect::<Vec<_>>(), &format!("line stroke{colour} dash{colour}"));
    }
}
