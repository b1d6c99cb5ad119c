//! `cargo xtask compare`: cold requests, inference, load, start and memory.

mod page;

use std::fs;

use serde_json::{Value, json};
use xtask::build;

use super::runner::{Run, Runner, TEXT};
use super::server::{MemoryBreakdown, ServerSpec, Usage};
use super::servers::Servers;
use crate::http;

/// The number of instances from which the memory of one is calculated.
const MANY: usize = 17;

/// The results of all scenarios.
struct Results {
    cold: Run,
    jitter: Run,
    inference: Run,
    load: Run,
    start: Run,
    /// Memory with one instance that has computed, and with [`MANY`].
    instances: [(Usage, MemoryBreakdown); 2],
    /// The initial memory of an instance, in MiB.
    image_mib: f64,
}

/// Measures; returns the text of `docs/performance.md`.
pub(super) fn run(runner: &Runner) -> anyhow::Result<String> {
    build::component()?;
    let servers = Servers::install()?;
    let scenarios = Scenarios { runner, servers: &servers };
    let results = Results {
        cold: scenarios.cold()?,
        jitter: scenarios.jitter()?,
        inference: scenarios.inference()?,
        load: scenarios.load()?,
        start: scenarios.start()?,
        instances: [scenarios.instances(1)?, scenarios.instances(MANY)?],
        image_mib: servers.image_mib()?,
    };
    Ok(page::write(&results, &servers, runner))
}

struct Scenarios<'a> {
    runner: &'a Runner,
    servers: &'a Servers,
}

impl Scenarios<'_> {
    /// Requests without inference, one after the other.
    fn cold(&self) -> anyhow::Result<Run> {
        let Self { runner, servers } = self;
        let mut targets = vec![
            (servers.wasmtime()?, "/info"),
            (servers.pilotlight()?, "/info"),
            (servers.wasmtime_reused()?, "/info"),
            (servers.pilotlight_reused()?, "/info"),
        ];
        targets.extend(servers.spin()?.map(|spin| (spin, "/info")));
        runner.compare("cold", &targets, &["--duration", &runner.seconds(20), "--rounds", "5"])
    }

    /// The same at a fixed rate. The administration API responds without a guest, which shows
    /// the variation that the machine causes in any response.
    fn jitter(&self) -> anyhow::Result<Run> {
        let Self { runner, servers } = self;
        let mut targets = vec![
            (servers.wasmtime()?, "/info"),
            (servers.pilotlight_timed()?, "/info"),
            (servers.pilotlight()?, "admin:/health"),
        ];
        targets.extend(servers.spin()?.map(|spin| (spin, "/info")));
        let duration = runner.seconds(60);
        let arguments = ["cold", "--rate", "500", "--duration", &duration, "--rounds", "6"];
        runner.compare("jitter", &targets, &arguments)
    }

    /// Inference in fresh and in reused instances.
    fn inference(&self) -> anyhow::Result<Run> {
        let Self { runner, servers } = self;
        let mut targets = vec![
            (servers.pilotlight_reused()?, "/"),
            (servers.pilotlight()?, "/"),
            (servers.wasmtime_reused()?, "/"),
            (servers.wasmtime()?, "/"),
            (servers.python()?, "/"),
        ];
        targets.extend(servers.spin()?.map(|spin| (spin, "/")));
        let (body, duration) = (body(), runner.seconds(20));
        let arguments = ["--body", &body, "--duration", &duration, "--rounds", "10"];
        runner.compare("inference", &targets, &arguments)
    }

    /// Inference under load, also with instances that accept several requests at once.
    fn load(&self) -> anyhow::Result<Run> {
        let Self { runner, servers } = self;
        let mut targets = vec![
            (servers.wasmtime()?, "/"),
            (servers.pilotlight()?, "/"),
            (servers.wasmtime_reused()?, "/"),
            (servers.pilotlight_shared()?, "/"),
            (servers.python()?, "/"),
        ];
        targets.extend(servers.spin()?.map(|spin| (spin, "/")));
        let (body, duration) = (body(), runner.seconds(10));
        let steps = if runner.is_quick() { "1,4" } else { "1,2,4,8,16" };
        // One round per step: a response that takes longer than a round would not count.
        let load = ["load", "--concurrency", steps, "--rounds", "1", "--duration", &duration];
        runner.compare("load", &targets, &[&load[..], &["--body", &body]].concat())
    }

    /// From `exec` to the first response, and memory after the first inference.
    fn start(&self) -> anyhow::Result<Run> {
        let Self { runner, servers } = self;
        let specs = [servers.python()?, servers.pilotlight_timed()?, servers.wasmtime()?];
        let token_file = http::token_file()?;
        let entry = |spec: &ServerSpec| {
            json!({
                "name": spec.name, "command": spec.command, "url": spec.url("/info"),
                "then_url": spec.url("/"), "then_body": {"inputs": TEXT},
                "status_url": spec.admin_url("/status"),
                "status_token_file": spec.admin.map(|_| &token_file),
            })
        };
        // Fills the cache, so that compilation is not part of the start.
        drop(specs[1].start()?);
        let file = runner.plots().join("start.spec.json");
        let list = Value::Array(specs.iter().map(entry).collect());
        fs::write(&file, serde_json::to_vec_pretty(&list)?)?;
        let starts = if runner.is_quick() { "3" } else { "25" };
        let arguments = ["start", "--spec", &file.display().to_string(), "--starts", starts];
        let (_, report) = runner.bench_and_plot("start", &arguments.map(str::to_owned))?;
        fs::remove_file(&file)?;
        let command = format!("pilotlight bench start --spec SPEC.json --starts {starts}");
        Ok(Run { command, report, usage: Vec::new(), status: Vec::new() })
    }

    /// Memory with `count` instances that have computed.
    fn instances(&self, count: usize) -> anyhow::Result<(Usage, MemoryBreakdown)> {
        let count = count.to_string();
        let spec = self.servers.pilotlight_instances(&count)?;
        let server = spec.start()?;
        let (target, body) = (format!("pilotlight={}", spec.url("/")), body());
        let load = ["--target", &target, "--concurrency", &count, "--body", &body];
        let time = ["--duration", "5s", "--warm-up", "5s"];
        self.runner.bench("instances", &[&load[..], &time].concat())?;
        Ok((server.usage()?, server.memory_breakdown()?))
    }
}

/// A request for inference.
fn body() -> String {
    json!({"inputs": TEXT}).to_string()
}
