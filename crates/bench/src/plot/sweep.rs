use super::axis::Axis;
use super::panel::{Frame, Panel};
use super::style::COLORS;
use super::svg::Svg;
use crate::format::{short, tick};
use crate::load::Load;
use crate::report::{LoadTarget, Summary};

/// Responses per second by load.
pub(super) fn throughput(svg: &mut Svg, frame: Frame, targets: &[LoadTarget]) {
    let figure = |summary: &Summary| summary.requests_per_second;
    let most = figures(targets, figure).fold(0.0, f64::max);
    let title = "Successful responses per second (ring: saturation)";
    let panel = Panel { frame, title, x: loads(targets), y: Axis::from_zero(most, short) };
    draw(svg, &panel, targets, figure);
}

/// The mean by load.
pub(super) fn mean(svg: &mut Svg, frame: Frame, targets: &[LoadTarget]) {
    let figure = |summary: &Summary| summary.mean_ms;
    let y = Axis::fitting(figures(targets, figure), tick);
    let panel = Panel { frame, title: "Mean latency", x: loads(targets), y };
    draw(svg, &panel, targets, figure);
}

/// The 99th percentile by load.
pub(super) fn tail(svg: &mut Svg, frame: Frame, targets: &[LoadTarget]) {
    let figure = |summary: &Summary| summary.p99_ms;
    let y = Axis::fitting(figures(targets, figure), tick);
    let panel = Panel { frame, title: "99th percentile of latency", x: loads(targets), y };
    draw(svg, &panel, targets, figure);
}

fn draw(svg: &mut Svg, panel: &Panel, targets: &[LoadTarget], figure: fn(&Summary) -> f64) {
    panel.draw(svg);
    for (index, target) in targets.iter().enumerate() {
        let color = index % COLORS;
        let steps = target.steps.iter();
        let points: Vec<_> =
            steps.map(|step| panel.point(amount(step.load), figure(&step.summary))).collect();
        svg.path(&points, &format!("line stroke{color} dash{color}"));
        for (step, point) in points.iter().enumerate() {
            svg.circle(*point, 3.5, &format!("fill{color}"));
            if target.saturated_at == Some(step) {
                svg.circle(*point, 7.5, &format!("hollow stroke{color}"));
            }
        }
    }
}

fn figures(targets: &[LoadTarget], figure: fn(&Summary) -> f64) -> impl Iterator<Item = f64> {
    targets.iter().flat_map(|target| &target.steps).map(move |step| figure(&step.summary))
}

fn loads(targets: &[LoadTarget]) -> Axis {
    let steps = || targets.iter().take(1).flat_map(|target| &target.steps);
    let amounts: Vec<f64> = steps().map(|step| amount(step.load)).collect();
    let open = steps().any(|step| matches!(step.load, Load::Open { .. }));
    let label = if open { "requests sent per second" } else { "workers" };
    Axis::of_steps(&amounts, short).labeled(label)
}

fn amount(load: Load) -> f64 {
    match load {
        Load::Open { rate, .. } => rate,
        Load::Closed { concurrency } => concurrency as f64,
    }
}
