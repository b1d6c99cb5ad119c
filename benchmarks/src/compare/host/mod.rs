//! `cargo xtask compare host`: inference on the host, and peers with the same model file.

mod agreement;
mod batches;
mod beside_direct;
mod corpus;
pub(super) mod direct;
mod embeddings;
mod fairness;
pub(super) mod files;
mod page;
mod rounds;
mod scenarios;
pub(super) mod servers;
mod wasmtime;

use serde_json::Value;
use xtask::build;
use xtask::cargo::root;

use super::bert_base;
use super::report::{number, targets};
use super::runner::{Run, Runner};
use beside_direct::{Latency, Saturation};
use direct::{Direct, Outcome};
use embeddings::Embeddings;
use fairness::Fairness;
use files::{Files, Precision};
use scenarios::{Scenarios, saturating_connections};
use servers::{HostServers, THREADS, Threads};

struct Results {
    /// The precision that `build` selects.
    selected: String,
    /// FastAPI with each of [`THREADS`], and the fastest of them.
    fastapi: (Run, Threads),
    /// Direct calls in all settings, the fastest first: in f32 and in int8.
    direct: [Vec<Outcome>; 2],
    sweep: Run,
    saturation: Saturation,
    latency: Latency,
    /// All servers at 64 connections.
    compared: Run,
    fairness: Fairness,
    batching: Run,
    embeddings: Embeddings,
    bert_base: Run,
    /// `/health` of an idle and of a busy server.
    health: [Value; 2],
    /// Tokens with the golden label, and all tokens, of each server in [`scenarios::AGREEMENT`].
    agreement: [(usize, usize); 3],
    sandbox: Run,
    /// Wasmtime's own wasi-nn, if it can be installed.
    wasmtime: Option<Run>,
    versions: Vec<(&'static str, String)>,
}

/// Measures; returns the text of `docs/performance-host.md`.
pub(super) fn run(runner: &Runner) -> anyhow::Result<String> {
    build::component()?;
    let files = Files::new(root().join("models/pii-ner"), "pii-ner")?;
    let servers = HostServers::new(files)?;
    servers.files.build_default()?;
    servers.build(Precision::F32)?;
    servers.build(Precision::Int8)?;
    let direct = Direct::build(servers.library.clone(), runner.direct_seconds(5))?;
    let corpus = servers.files.corpus(&servers.python)?;
    let single = servers.files.single(&servers.python)?;
    let scenarios =
        Scenarios { runner, servers: &servers, direct: &direct, corpus: &corpus, single: &single };
    Ok(page::write(&measure(&scenarios)?, &corpus, runner))
}

fn measure(scenarios: &Scenarios<'_>) -> anyhow::Result<Results> {
    let servers = scenarios.servers;
    let fastapi = scenarios.fastapi_threads()?;
    let threads = THREADS[fastest(&fastapi.report)];
    let direct = scenarios.direct()?;
    let sweep = scenarios.sweep(threads)?;
    let connections = saturating_connections(&sweep, scenarios::COMPARED[1]);
    Ok(Results {
        selected: servers.files.selected_precision()?,
        fastapi: (fastapi, threads),
        saturation: scenarios.saturation(&direct, connections)?,
        direct,
        sweep,
        latency: scenarios.latency()?,
        compared: scenarios.compared(threads)?,
        fairness: scenarios.fairness()?,
        batching: scenarios.batching()?,
        embeddings: scenarios.embeddings()?,
        bert_base: bert_base::beside_fastapi(scenarios.runner)?,
        health: scenarios.health()?,
        agreement: scenarios.agreement()?,
        sandbox: scenarios.sandbox()?,
        wasmtime: scenarios.wasmtime()?,
        versions: super::servers::versions(&servers.python),
    })
}

/// The index of the target with the lowest mean latency.
fn fastest(report: &Value) -> usize {
    let mean = |target: &Value| number(&target["summary"]["mean_ms"]);
    let means = targets(report).iter().map(mean).enumerate();
    let fastest = means.min_by(|(_, one), (_, two)| one.total_cmp(two));
    fastest.map_or(0, |(index, _)| index)
}
