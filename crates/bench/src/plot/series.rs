use super::axis::Axis;
use super::panel::{Frame, Panel};
use super::style::COLORS;
use super::svg::Svg;
use crate::format::{short, tick};
use crate::report::{SeriesPoint, TargetReport};

/// Latency in each second.
pub(super) fn draw(svg: &mut Svg, frame: Frame, targets: &[TargetReport]) {
    let points = || targets.iter().flat_map(|target| &target.series);
    let seconds = points().map(|point| point.second + 1).max().unwrap_or(1);
    let latencies = points().flat_map(|point| [point.p50_ms, point.p99_ms, point.max_ms]);
    let panel = Panel {
        frame,
        title: "Latency over time: p50 (bold), p99 (thin), maximum (dots)",
        x: Axis::from_zero(seconds as f64 / 1.05, |second| format!("{} s", short(second)))
            .labeled("measured time"),
        y: Axis::fitting(latencies, tick),
    };
    panel.draw(svg);
    for (index, target) in targets.iter().enumerate() {
        let color = index % COLORS;
        let line = |figure: fn(&SeriesPoint) -> f64| {
            let answered = target.series.iter().filter(move |point| figure(point) > 0.0);
            let middle = |point: &SeriesPoint| point.second as f64 + 0.5;
            answered.map(|point| panel.point(middle(point), figure(point))).collect::<Vec<_>>()
        };
        svg.path(&line(|point| point.p50_ms), &format!("line stroke{color} dash{color}"));
        svg.path(&line(|point| point.p99_ms), &format!("line thin stroke{color} dash{color}"));
        for point in line(|point| point.max_ms) {
            svg.circle(point, 2.0, &format!("fill{color}"));
        }
    }
}
