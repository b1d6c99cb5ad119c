//! What it costs to be told everything.

use serde_json::Value;
use xtask::build;

use super::{body, serve};
use crate::compare::lab::Lab;
use crate::http::Sink;

/// One way of asking, without and with traces, metrics and the log being sent to a collector.
pub(super) struct Watching {
    pub(super) what: &'static str,
    pub(super) plot: &'static str,
    pub(super) report: Value,
    pub(super) command: String,
}

pub(super) fn run(lab: &Lab) -> anyhow::Result<Vec<Watching>> {
    let component = build::component_file().display().to_string();
    let collector = Sink::start()?;
    let otlp = ["--log-format", "json", "--otlp", &collector.url()];
    let plain = || serve("plain", &[&component]);
    let watched = || serve("watched", &[&[&*component][..], &otlp[..]].concat());
    let body = body();
    let seconds = lab.seconds(10);
    let common = ["--duration", &seconds, "--rounds", if lab.is_quick() { "2" } else { "10" }];
    let cases = [
        ("inference", "watching-inference", "/", vec!["--body", &body]),
        ("cold answers without inference", "watching-cold", "/info", Vec::new()),
    ];
    let mut found = Vec::new();
    for (what, plot, path, more) in cases {
        let targets = [(plain()?, path), (watched()?, path)];
        let arguments = [&common[..], &more].concat();
        let run = lab.compare(plot, &targets, &arguments)?;
        found.push(Watching { what, plot, report: run.report, command: run.command });
    }
    Ok(found)
}
