use super::WHOLE;
use super::axis::Axis;
use super::panel::{Frame, Panel};
use super::svg::{Point, Svg};
use crate::format::{size, tick, time};
use crate::report::{Spread, StartSummary, StartTarget};

/// The parts of a bar, in order.
pub(super) const PARTS: [&str; 4] =
    ["process start", "component load", "until the first response", "first inference"];

const ROW: f64 = 52.0;
const BAR: f64 = 18.0;

/// Draws a bar for each command; returns the total height.
pub(super) fn draw(svg: &mut Svg, (left, top): Point, targets: &[StartTarget]) -> f64 {
    let longest = targets.iter().map(|target| parts(&target.summary).iter().sum());
    let height = targets.len() as f64 * ROW + 6.0;
    let panel = Panel {
        frame: Frame { left, top, width: WHOLE, height },
        title: "Median times since exec",
        x: Axis::from_zero(longest.fold(0.0, f64::max), tick).labeled("time since exec"),
        y: Axis::from_zero(1.0, |_| String::new()).without_ticks(),
    };
    panel.draw(svg);
    for (row, target) in targets.iter().enumerate() {
        let y = top + row as f64 * ROW + 20.0;
        svg.text((left + 8.0, y), "", &caption(target));
        let mut end = 0.0;
        for (index, part) in parts(&target.summary).into_iter().enumerate() {
            let from = panel.point(end, 0.0).0;
            end += part;
            let width = panel.point(end, 0.0).0 - from;
            svg.rect((from, y + 7.0), (width, BAR), &format!("fill{index}"));
        }
    }
    height + 50.0
}

/// The parts in order. Parts that are not reported belong to the time until the first response.
fn parts(summary: &StartSummary) -> [f64; 4] {
    let median = |spread: &Option<Spread>| spread.map_or(0.0, |spread| spread.median);
    let (process, load) = (median(&summary.process_start), median(&summary.component_load));
    let rest = (median(&summary.total) - process - load).max(0.0);
    [process, load, rest, median(&summary.first_inference)]
}

fn caption(target: &StartTarget) -> String {
    let StartSummary { total, instantiate, first_inference, pss, .. } = &target.summary;
    let known = [
        ("first response", total.map(|spread| time(spread.median))),
        ("instantiate", instantiate.map(|spread| time(spread.median))),
        ("first inference", first_inference.map(|spread| time(spread.median))),
        ("PSS", pss.map(|spread| size(spread.median))),
    ];
    let known = known.into_iter().filter_map(|(name, text)| Some(format!("{name} {}", text?)));
    format!("{}: {}", target.name, known.collect::<Vec<_>>().join(" · "))
}
