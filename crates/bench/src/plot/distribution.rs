use super::axis::Axis;
use super::panel::{Frame, Panel};
use super::style::COLORS;
use super::svg::{Point, Svg};
use crate::format::tick;
use crate::report::TargetReport;

/// The share of requests by latency, in bins of equal ratio.
pub(super) fn draw(svg: &mut Svg, frame: Frame, targets: &[TargetReport]) {
    let bins = || targets.iter().flat_map(|target| &target.histogram);
    let low = bins().map(|bin| bin.0).reduce(f64::min).unwrap_or(0.1);
    let high = bins().map(|bin| bin.1).reduce(f64::max).unwrap_or(10.0);
    let shares = targets.iter().flat_map(|target| {
        target.histogram.iter().map(|bin| percent(bin.2, target.summary.recorded))
    });
    let panel = Panel {
        frame,
        title: "Share of requests by latency",
        x: Axis::log(low / 1.06, high * 1.06, tick).labeled("latency (bins of 6 %)"),
        y: Axis::from_zero(shares.reduce(f64::max).unwrap_or(1.0), |share| {
            format!("{} %", crate::format::short(share))
        }),
    };
    panel.draw(svg);
    for (index, target) in targets.iter().enumerate() {
        let color = index % COLORS;
        let class = format!("area stroke{color} fill{color}");
        svg.path(&outline(&panel, target), &class);
    }
}

/// Steps that return to zero where a bin is empty.
fn outline(panel: &Panel, target: &TargetReport) -> Vec<Point> {
    let mut points = Vec::new();
    let mut end = None;
    for (low, high, count) in &target.histogram {
        let gap = end.is_none_or(|end: f64| *low > end * 1.001);
        if gap {
            points.extend(end.map(|end| panel.point(end, 0.0)));
            points.push(panel.point(*low, 0.0));
        }
        let share = percent(*count, target.summary.recorded);
        points.extend([panel.point(*low, share), panel.point(*high, share)]);
        end = Some(*high);
    }
    points.extend(end.map(|end| panel.point(end, 0.0)));
    points
}

fn percent(count: u64, of: u64) -> f64 {
    100.0 * count as f64 / of.max(1) as f64
}
