//! Writes reports as self-contained SVG plots for light and for dark backgrounds (docs/decisions/0028-svg-writer.md).
//! Used by `cli`. Knows only reports, not how they were measured.

mod axis;
mod distribution;
mod frame;
mod panel;
mod percentiles;
mod series;
mod start;
mod stream;
mod style;
mod svg;
mod sweep;

use frame::Page;
use panel::Frame;

use crate::report::{LoadReport, Report, StartReport, StreamReport};

/// Positions and sizes of panels.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 500.0;
const HALF: f64 = 340.0;
const WHOLE: f64 = 776.0;
const HEIGHT: f64 = 260.0;

/// The plot of `bench` and `cold`.
pub fn latency(report: &Report) -> String {
    let names: Vec<&str> = report.targets.iter().map(|target| target.name.as_str()).collect();
    let mut page = Page::new("Latency", &report.scenario.describe(), &names, &names);
    let top = page.top();
    percentiles::draw(&mut page.svg, half(LEFT, top), &report.targets);
    distribution::draw(&mut page.svg, half(RIGHT, top), &report.targets);
    let mut bottom = top + HEIGHT + 50.0;
    if report.targets.iter().any(|target| target.series.len() > 1) {
        let frame = Frame { left: LEFT, top: bottom + 34.0, width: WHOLE, height: 200.0 };
        series::draw(&mut page.svg, frame, &report.targets);
        bottom += 34.0 + 200.0 + 50.0;
    }
    page.finish(bottom)
}

/// The plot of `load`.
pub fn load(report: &LoadReport) -> String {
    let names: Vec<&str> = report.targets.iter().map(|target| target.name.as_str()).collect();
    let mut page = Page::new("Load", &report.scenario.describe_without_load(), &names, &names);
    let top = page.top();
    sweep::throughput(&mut page.svg, half(LEFT, top), &report.targets);
    sweep::tail(&mut page.svg, half(RIGHT, top), &report.targets);
    page.finish(top + HEIGHT + 50.0)
}

/// Mean and 99th percentile by load, for targets that are compared with predictions.
pub fn response_times(report: &LoadReport) -> String {
    let names: Vec<&str> = report.targets.iter().map(|target| target.name.as_str()).collect();
    let scenario = report.scenario.describe_without_load();
    let mut page = Page::new("Response times", &scenario, &names, &names);
    let top = page.top();
    sweep::mean(&mut page.svg, half(LEFT, top), &report.targets);
    sweep::tail(&mut page.svg, half(RIGHT, top), &report.targets);
    page.finish(top + HEIGHT + 50.0)
}

/// The plot of `start`.
pub fn start(report: &StartReport) -> String {
    let names: Vec<&str> = report.targets.iter().map(|target| target.name.as_str()).collect();
    let mut page = Page::new("Start", &report.scenario.describe(), &names, &start::PARTS);
    let top = page.top();
    let height = start::draw(&mut page.svg, (LEFT, top), &report.targets);
    page.finish(top + height)
}

/// The plot of `stream`.
pub fn stream(report: &StreamReport) -> String {
    let names: Vec<&str> = report.targets.iter().map(|target| target.name.as_str()).collect();
    let mut page = Page::new("Sessions", &report.scenario.describe(), &names, &names);
    let top = page.top();
    stream::throughput(&mut page.svg, half(LEFT, top), &report.targets);
    stream::tail(&mut page.svg, half(RIGHT, top), &report.targets);
    page.finish(top + HEIGHT + 50.0)
}

fn half(left: f64, top: f64) -> Frame {
    Frame { left, top, width: HALF, height: HEIGHT }
}
