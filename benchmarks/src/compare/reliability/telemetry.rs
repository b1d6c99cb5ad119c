//! The cost of exporting traces, metrics and logs.

use serde_json::Value;
use xtask::build;

use super::{body, serve};
use crate::collector::Collector;
use crate::compare::runner::Runner;

/// The name of the target that exports telemetry.
pub(super) const EXPORTING: &str = "with telemetry";

/// The results with one kind of request, without and with export to a collector.
pub(super) struct Telemetry {
    pub(super) requests: &'static str,
    pub(super) plot: &'static str,
    pub(super) report: Value,
    pub(super) command: String,
}

pub(super) fn run(runner: &Runner) -> anyhow::Result<Vec<Telemetry>> {
    let component = build::component_file().display().to_string();
    let collector = Collector::start()?;
    let otlp = ["--log-format", "json", "--otlp", &collector.url()];
    let plain = || serve("without telemetry", &[&component]);
    let exporting = || serve(EXPORTING, &[&[&*component][..], &otlp[..]].concat());
    let body = body();
    let seconds = runner.seconds(10);
    let common = ["--duration", &seconds, "--rounds", if runner.is_quick() { "2" } else { "10" }];
    let cases = [
        ("inference", "telemetry-inference", "/", vec!["--body", &body]),
        ("GET /info, without inference", "telemetry-cold", "/info", Vec::new()),
    ];
    let mut results = Vec::new();
    for (requests, plot, path, more) in cases {
        let targets = [(plain()?, path), (exporting()?, path)];
        let arguments = [&common[..], &more].concat();
        let run = runner.compare(plot, &targets, &arguments)?;
        results.push(Telemetry { requests, plot, report: run.report, command: run.command });
    }
    Ok(results)
}
