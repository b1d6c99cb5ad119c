use super::axis::Axis;
use super::panel::{Frame, Panel};
use super::style::COLORS;
use super::svg::Svg;
use crate::format::{short, tick};
use crate::report::{StreamStep, StreamTarget};

/// Answers a second by number of connections.
pub(super) fn throughput(svg: &mut Svg, frame: Frame, targets: &[StreamTarget]) {
    let figure = |step: &StreamStep| step.frames_per_second;
    let most = steps(targets).map(figure).fold(0.0, f64::max);
    let title = "Frames answered per second";
    draw(
        svg,
        &Panel { frame, title, x: numbers(targets), y: Axis::from_zero(most, short) },
        targets,
        figure,
    );
}

/// The 99th percentile by number of connections.
pub(super) fn tail(svg: &mut Svg, frame: Frame, targets: &[StreamTarget]) {
    let figure = |step: &StreamStep| step.p99_ms;
    let y = Axis::fitting(steps(targets).map(figure), tick);
    let title = "99th percentile of latency";
    draw(svg, &Panel { frame, title, x: numbers(targets), y }, targets, figure);
}

fn steps(targets: &[StreamTarget]) -> impl Iterator<Item = &StreamStep> {
    targets.iter().flat_map(|target| &target.steps)
}

fn numbers(targets: &[StreamTarget]) -> Axis {
    let first = targets.iter().take(1).flat_map(|target| &target.steps);
    let numbers: Vec<f64> = first.map(|step| step.connections as f64).collect();
    Axis::of_steps(&numbers, short).labeled("connections")
}

fn draw(
    svg: &mut Svg,
    panel: &Panel,
    targets: &[StreamTarget],
    figure: impl Fn(&StreamStep) -> f64,
) {
    panel.draw(svg);
    for (index, target) in targets.iter().enumerate() {
        let color = index % COLORS;
        let point = |step: &StreamStep| panel.point(step.connections as f64, figure(step));
        let points: Vec<_> = target.steps.iter().map(point).collect();
        svg.path(&points, &format!("line stroke{color} dash{color}"));
        points.iter().for_each(|point| svg.circle(*point, 3.5, &format!("fill{color}")));
    }
}
