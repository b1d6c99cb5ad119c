//! `cargo xtask compare host`: inference on the host, and peers with the same model file.

mod agreement;
mod batches;
mod corpus;
pub(super) mod direct;
pub(super) mod files;
mod page;
mod scenarios;
pub(super) mod servers;
mod wasmtime;

use serde_json::Value;
use xtask::build;
use xtask::cargo::root;

use super::report::{number, targets};
use super::runner::{Run, Runner};
use direct::Direct;
use files::{Files, Precision};
use scenarios::{PairedRounds, PrecisionResults, Scenarios};
use servers::{HostServers, THREADS, Threads};

struct Results {
    /// FastAPI with each of [`THREADS`], and the fastest of them.
    fastapi: (Run, Threads),
    /// In f32 and in int8.
    precisions: [PrecisionResults; 2],
    sandbox: Run,
    /// Wasmtime's own wasi-nn, if it can be installed.
    wasmtime: Option<Run>,
    latency: PairedRounds,
    batching: Run,
    /// `/health` of an idle and of a busy server.
    health: [Value; 2],
    versions: Vec<(&'static str, String)>,
}

/// Measures; returns the text of `docs/performance-host.md`.
pub(super) fn run(runner: &Runner) -> anyhow::Result<String> {
    build::component()?;
    let files = Files::new(root().join("models/pii-ner"), "pii-ner")?;
    let servers = HostServers::new(files)?;
    servers.build(Precision::F32)?;
    servers.build(Precision::Int8)?;
    let direct = Direct::build(servers.library.clone(), runner.direct_seconds())?;
    let corpus = servers.files.corpus(&servers.python)?;
    let single = servers.files.single(&servers.python)?;
    let scenarios =
        Scenarios { runner, servers: &servers, direct: &direct, corpus: &corpus, single: &single };
    let fastapi = scenarios.fastapi_threads()?;
    let threads = THREADS[fastest(&fastapi.report)];
    let results = Results {
        precisions: [
            scenarios.precision(Precision::F32, threads)?,
            scenarios.precision(Precision::Int8, threads)?,
        ],
        fastapi: (fastapi, threads),
        sandbox: scenarios.sandbox()?,
        wasmtime: scenarios.wasmtime()?,
        latency: scenarios.latency()?,
        batching: scenarios.batching()?,
        health: scenarios.health()?,
        versions: super::servers::versions(&servers.python),
    };
    Ok(page::write(&results, &corpus, runner))
}

/// The index of the target with the most responses per second.
fn fastest(report: &Value) -> usize {
    let throughput = |target: &Value| number(&target["summary"]["requests_per_second"]);
    let rates = targets(report).iter().map(throughput).enumerate();
    let fastest = rates.max_by(|(_, one), (_, two)| one.total_cmp(two));
    fastest.map_or(0, |(index, _)| index)
}
