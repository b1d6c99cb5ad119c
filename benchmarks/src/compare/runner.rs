//! Runs `pilotlight bench` against servers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde_json::Value;
use xtask::build::binary;
use xtask::cargo::execute;

use super::server::{Server, ServerSpec, Usage};

/// A text of 43 tokens of the default model.
pub(super) const TEXT: &str = "My name is Sarah Connor and I live at 42 Elm Street, Springfield. Call me at \
                    555-0134 or write to sarah.connor@example.com about invoice 7781.";

/// The path prefix of a target that is the administration API of a server.
const ADMIN: &str = "admin:";

/// The result of one scenario.
pub(super) struct Run {
    /// The command that repeats it.
    pub(super) command: String,
    /// The report of `pilotlight bench`.
    pub(super) report: Value,
    /// Memory of each server after the scenario, and the processor time that it used during it.
    pub(super) usage: Vec<(&'static str, Usage)>,
    /// `/status` of each server after the scenario.
    pub(super) status: Vec<Value>,
}

/// Runs scenarios and stores their plots.
pub(super) struct Runner {
    plots: PathBuf,
    quick: bool,
    arguments: Vec<String>,
}

impl Runner {
    pub(super) fn new(plots: PathBuf, quick: bool, arguments: Vec<String>) -> anyhow::Result<Self> {
        Ok(Self { plots: plots.canonicalize()?, quick, arguments })
    }

    /// The arguments after the topic.
    pub(super) fn arguments(&self) -> &[String] {
        &self.arguments
    }

    /// The folder of plots.
    pub(super) fn plots(&self) -> &Path {
        &self.plots
    }

    /// Whether this run only tries the commands.
    pub(super) fn is_quick(&self) -> bool {
        self.quick
    }

    /// How long a runtime is called directly, in seconds.
    pub(super) fn direct_seconds(&self, long: u32) -> u32 {
        if self.quick { 1 } else { long }
    }

    /// The value of `--duration`.
    pub(super) fn seconds(&self, long: u32) -> String {
        if self.quick { "3s".to_owned() } else { format!("{long}s") }
    }

    /// Runs `pilotlight bench` without a plot. Returns its report.
    pub(super) fn bench(&self, name: &str, arguments: &[&str]) -> anyhow::Result<Value> {
        let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        self.report(name, &arguments, &["--quiet".to_owned()])
    }

    /// Runs `pilotlight bench` and writes the plot `name`. Returns the command and its report.
    pub(super) fn bench_and_plot(
        &self,
        name: &str,
        arguments: &[String],
    ) -> anyhow::Result<(String, Value)> {
        let plot = self.plots.join(format!("{name}.svg"));
        let output = ["--svg".to_owned(), plot.display().to_string()];
        let report = self.report(name, arguments, &output)?;
        let quoted = arguments.iter().map(|word| match word.contains([' ', '{', '&']) {
            true => format!("'{word}'"),
            false => word.clone(),
        });
        let shown = quoted.collect::<Vec<_>>().join(" ");
        Ok((format!("pilotlight bench {shown}"), report))
    }

    fn report(&self, name: &str, arguments: &[String], output: &[String]) -> anyhow::Result<Value> {
        let json = self.plots.join(format!("{name}.json"));
        let mut command = Command::new(binary());
        command.arg("bench").args(arguments).args(output).arg("--json").arg(&json);
        execute(&mut command)?;
        let report = fs::read(&json).with_context(|| json.display().to_string())?;
        fs::remove_file(&json)?;
        Ok(serde_json::from_slice(&report)?)
    }

    /// Starts servers and runs one scenario against all of them. Each is requested at its path;
    /// `admin:PATH` is a path of its administration API.
    pub(super) fn compare(
        &self,
        name: &str,
        targets: &[(ServerSpec, &str)],
        arguments: &[&str],
    ) -> anyhow::Result<Run> {
        let servers: Vec<Server> =
            targets.iter().map(|(spec, _)| spec.start()).collect::<Result<_, _>>()?;
        let before: Vec<Usage> = servers.iter().map(Server::usage).collect::<Result<_, _>>()?;
        let mut arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        for (spec, path) in targets {
            arguments.extend(["--target".to_owned(), target(spec, path)?]);
        }
        let (command, report) = self.bench_and_plot(name, &arguments)?;
        let usage = servers.iter().zip(before).map(|(server, before)| {
            let after = server.usage()?;
            Ok((server.spec.name, Usage { cpu: after.cpu - before.cpu, ..after }))
        });
        let usage = usage.collect::<anyhow::Result<_>>()?;
        let status = servers.iter().map(Server::status).collect();
        Ok(Run { command, report, usage, status })
    }
}

/// The value of `--target`.
fn target(spec: &ServerSpec, path: &str) -> anyhow::Result<String> {
    match path.strip_prefix(ADMIN) {
        Some(path) => {
            let url = spec.admin_url(path).context("the server has no administration API")?;
            Ok(format!("no guest={url}"))
        }
        None => Ok(format!("{}={}", spec.name, spec.url(path))),
    }
}
