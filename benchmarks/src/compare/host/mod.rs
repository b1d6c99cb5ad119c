//! `cargo xtask compare host`: computing on the host beside what computes the same file.

mod agreement;
mod batches;
pub(super) mod contenders;
mod corpus;
pub(super) mod direct;
pub(super) mod files;
mod measure;
mod page;
mod wasmtime;

use serde_json::Value;
use xtask::build;
use xtask::cargo::root;

use super::lab::{Lab, Run};
use super::words::number;
use contenders::{Contenders, THREADS, Threads};
use direct::Direct;
use files::{Files, Precision};
use measure::{Found, Measure, Pairs};

pub(super) use measure::connections;

struct Results {
    fastapi: (Run, Threads),
    found: [Found; 2],
    sandbox: Run,
    /// Beside Wasmtime's own wasi-nn, where that can be had.
    wasmtime: Option<Run>,
    latency: Pairs,
    batching: Run,
    /// `/health` of an idle and of a busy server.
    health: [Value; 2],
    versions: Vec<(&'static str, String)>,
}

/// Measures everything; the text of `docs/performance-host.md`.
pub(super) fn run(lab: &Lab) -> anyhow::Result<String> {
    build::component()?;
    let files = Files::new(root().join("models/pii-ner"), "pii-ner")?;
    let contenders = Contenders::new(files)?;
    contenders.build(Precision::F32)?;
    contenders.build(Precision::Int8)?;
    let direct = Direct::build(contenders.library.clone(), lab.direct_seconds())?;
    let (corpus, single) = (
        contenders.files.corpus(&contenders.python)?,
        contenders.files.single(&contenders.python)?,
    );
    let measure =
        Measure { lab, contenders: &contenders, direct: &direct, corpus: &corpus, single: &single };
    let tuning = measure.tune()?;
    let threads = THREADS[best(&tuning.report)];
    let results = Results {
        found: [
            measure.precision(Precision::F32, threads)?,
            measure.precision(Precision::Int8, threads)?,
        ],
        fastapi: (tuning, threads),
        sandbox: measure.sandbox()?,
        wasmtime: measure.wasmtime()?,
        latency: measure.latency()?,
        batching: measure.batching()?,
        health: measure.health()?,
        versions: super::line_up::versions(&contenders.python),
    };
    Ok(page::write(&results, &corpus, lab))
}

/// The target with the most answers a second.
fn best(report: &Value) -> usize {
    let targets = report["targets"].as_array().map_or(&[][..], Vec::as_slice);
    let throughput = |target: &Value| number(&target["summary"]["requests_per_second"]);
    let best = targets
        .iter()
        .enumerate()
        .max_by(|(_, one), (_, two)| throughput(one).total_cmp(&throughput(two)));
    best.map_or(0, |(index, _)| index)
}
