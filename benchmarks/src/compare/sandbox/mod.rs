//! `cargo xtask compare sandbox`: inference in the sandbox, and native runtimes.

mod implementations;
mod page;

use std::fs;

use anyhow::ensure;
use serde_json::{Value, json};
use xtask::build;
use xtask::cargo::root;

use super::host::files::{Files, Precision};
use super::host::servers::{HostServers, THREADS};
use super::report::number;
use super::runner::{Run, Runner, TEXT};
use super::servers::Servers;
use implementations::{Implementation, Sandbox};

/// Lengths of the texts in tokens.
const LENGTHS: [usize; 4] = [8, 43, 128, 400];
/// The length that goals refer to.
const GOAL_LENGTH: usize = 43;
/// Precisions whose labels are compared with those of f32.
const PRECISIONS: [&str; 2] = ["int4", "int8"];

/// Median inference times of one implementation in milliseconds, one for each round.
struct Row {
    name: &'static str,
    /// By length.
    medians: [Vec<f64>; LENGTHS.len()],
}

/// Labels of a precision compared with those of f32.
struct PrecisionAgreement {
    precision: &'static str,
    tokens: usize,
    equal: usize,
    /// The largest difference of a logit.
    largest: f64,
}

impl PrecisionAgreement {
    fn percent(&self) -> f64 {
        self.equal as f64 / self.tokens as f64 * 100.0
    }
}

struct Results {
    rows: Vec<Row>,
    agreement: Vec<PrecisionAgreement>,
    /// The output of the kernel benchmark.
    kernels: String,
    /// The size of the default component, and the model's part of it.
    bytes: [f64; 2],
    over_http: Run,
    versions: Vec<(&'static str, String)>,
}

/// Measures; returns the text of `docs/performance-sandbox.md`.
pub(super) fn run(runner: &Runner) -> anyhow::Result<String> {
    build::component()?;
    let files = Files::new(root().join("models/pii-ner"), "pii-ner")?;
    let host_servers = HostServers::new(files)?;
    host_servers.build(Precision::F32)?;
    host_servers.build(Precision::Int8)?;
    let servers = Servers::install()?;
    let sandbox = Sandbox::build(servers.program())?;
    let rows = inference(runner, &host_servers, &servers, &sandbox)?;
    let golden = root().join("tests/golden/pii_ner.jsonl");
    let model = host_servers.files.model.join("model.onnx");
    let agreement = PRECISIONS.map(|precision| {
        let report = sandbox.infer(&model, &golden, &[precision])?;
        let count = |key: &str| report[key].as_u64().unwrap_or_default() as usize;
        let (tokens, equal) = (count("tokens"), count("equal"));
        let largest = number(&report["largest_difference"]);
        anyhow::Ok(PrecisionAgreement { precision, tokens, equal, largest })
    });
    let results = Results {
        rows,
        agreement: agreement.into_iter().collect::<anyhow::Result<_>>()?,
        kernels: sandbox.kernels(if runner.is_quick() { 50 } else { 1000 })?,
        bytes: bytes()?,
        over_http: over_http(runner, &host_servers, &servers)?,
        versions: servers.versions,
    };
    Ok(page::write(&results, runner))
}

/// All implementations in alternating rounds, for each length.
fn inference(
    runner: &Runner,
    host_servers: &HostServers,
    servers: &Servers,
    sandbox: &Sandbox,
) -> anyhow::Result<Vec<Row>> {
    let (rounds, seconds) = if runner.is_quick() { (1, 1) } else { (5, 2) };
    let all = implementations::all(host_servers, servers, sandbox, seconds)?;
    let mut rows: Vec<Row> =
        all.iter().map(|one| Row { name: one.name, medians: Default::default() }).collect();
    for (place, length) in LENGTHS.into_iter().enumerate() {
        let texts = host_servers.files.of_length(length, &host_servers.python)?;
        for round in 1..=rounds {
            eprintln!("{length} tokens, round {round} of {rounds}");
            for (one, row) in all.iter().zip(&mut rows) {
                row.medians[place].push(Implementation::median(one, &texts)?);
            }
        }
    }
    Ok(rows)
}

/// Inference over HTTP.
fn over_http(
    runner: &Runner,
    host_servers: &HostServers,
    servers: &Servers,
) -> anyhow::Result<Run> {
    let fastapi = host_servers.fastapi("FastAPI, 1 thread", Precision::F32, THREADS[2])?;
    let targets = [(fastapi, "/"), (servers.pilotlight()?, "/"), (servers.wasmtime_reused()?, "/")];
    let body = json!({"inputs": TEXT}).to_string();
    let seconds = runner.seconds(10);
    runner.compare("sandbox", &targets, &["--body", &body, "--duration", &seconds, "--rounds", "5"])
}

/// The sizes of the default component, and of the model's part of it: its difference to the guest
/// without a model.
fn bytes() -> anyhow::Result<[f64; 2]> {
    let component = fs::metadata(build::component_file())?.len() as f64;
    let empty = fs::metadata(build::guest_file())?.len() as f64;
    ensure!(component > empty, "the component is smaller than the guest");
    Ok([component, component - empty])
}

/// The median in the report of a program.
fn reported_median(report: &Value) -> f64 {
    number(&report["p50_ms"])
}
