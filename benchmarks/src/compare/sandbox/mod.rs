//! `cargo xtask compare sandbox`: inference inside the sandbox beside native runtimes.

mod contenders;
mod page;

use std::fs;

use anyhow::ensure;
use serde_json::{Value, json};
use xtask::build;
use xtask::cargo::root;

use super::host::contenders::{Contenders, THREADS};
use super::host::files::{Files, Precision};
use super::lab::{Lab, Run, TEXT};
use super::line_up::LineUp;
use contenders::{Contender, Sandbox};

/// Tokens of the texts.
const LENGTHS: [usize; 4] = [8, 43, 128, 400];
/// The one that goals are about.
const MIDDLE: usize = 43;
/// Forms that are compared with f32.
const FORMS: [&str; 2] = ["int4", "int8"];

/// Medians of an inference in milliseconds, one for each round.
struct Row {
    name: &'static str,
    /// By length.
    medians: [Vec<f64>; LENGTHS.len()],
}

struct Results {
    rows: Vec<Row>,
    /// A form, tokens, those labelled as in f32, the largest difference of a logit.
    agreement: Vec<(&'static str, usize, usize, f64)>,
    /// What the kernels' own program printed.
    kernels: String,
    /// The component of the default model, and what of it is the model.
    bytes: [f64; 2],
    over_http: Run,
    versions: Vec<(&'static str, String)>,
}

/// Measures everything; the text of `docs/performance-sandbox.md`.
pub(super) fn run(lab: &Lab) -> anyhow::Result<String> {
    build::component()?;
    let files = Files::new(root().join("models/pii-ner"), "pii-ner")?;
    let contenders = Contenders::new(files)?;
    contenders.build(Precision::F32)?;
    contenders.build(Precision::Int8)?;
    let line_up = LineUp::install()?;
    let sandbox = Sandbox::build(line_up.program())?;
    let rows = inference(lab, &contenders, &line_up, &sandbox)?;
    let golden = root().join("tests/golden/pii_ner.jsonl");
    let model = contenders.files.model.join("model.onnx");
    let agreement = FORMS.iter().map(|form| {
        let found = sandbox.infer(&model, &golden, &[form])?;
        let count = |key: &str| found[key].as_u64().unwrap_or_default() as usize;
        let largest = super::words::number(&found["largest_difference"]);
        anyhow::Ok((*form, count("tokens"), count("equal"), largest))
    });
    let results = Results {
        rows,
        agreement: agreement.collect::<anyhow::Result<_>>()?,
        kernels: sandbox.kernels(if lab.is_quick() { 50 } else { 1000 })?,
        bytes: bytes()?,
        over_http: over_http(lab, &contenders, &line_up)?,
        versions: line_up.versions,
    };
    Ok(page::write(&results, lab))
}

/// All contenders in turn, several times, for each length.
fn inference(
    lab: &Lab,
    contenders: &Contenders,
    line_up: &LineUp,
    sandbox: &Sandbox,
) -> anyhow::Result<Vec<Row>> {
    let (rounds, seconds) = if lab.is_quick() { (1, 1) } else { (5, 2) };
    let field = contenders::all(contenders, line_up, sandbox, seconds)?;
    let mut rows: Vec<Row> =
        field.iter().map(|one| Row { name: one.name, medians: Default::default() }).collect();
    for (place, length) in LENGTHS.into_iter().enumerate() {
        let texts = contenders.files.of_length(length, &contenders.python)?;
        for round in 1..=rounds {
            eprintln!("{length} tokens, round {round} of {rounds}");
            for (one, row) in field.iter().zip(&mut rows) {
                row.medians[place].push(Contender::median(one, &texts)?);
            }
        }
    }
    Ok(rows)
}

/// The same text asked of servers.
fn over_http(lab: &Lab, contenders: &Contenders, line_up: &LineUp) -> anyhow::Result<Run> {
    let fastapi = contenders.fastapi("FastAPI, 1 thread", Precision::F32, THREADS[2])?;
    let targets = [(fastapi, "/"), (line_up.pilotlight()?, "/"), (line_up.wasmtime_reused()?, "/")];
    let body = json!({"inputs": TEXT}).to_string();
    let seconds = lab.seconds(10);
    lab.compare("sandbox", &targets, &["--body", &body, "--duration", &seconds, "--rounds", "5"])
}

/// Sizes of the default component and of the model's part of it: what a component holds that was
/// built without one is not.
fn bytes() -> anyhow::Result<[f64; 2]> {
    let component = fs::metadata(build::component_file())?.len() as f64;
    let empty = fs::metadata(build::guest_file())?.len() as f64;
    ensure!(component > empty, "the component is smaller than the guest");
    Ok([component, component - empty])
}

/// The median of several values.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The median that a program printed.
fn printed(found: &Value) -> f64 {
    super::words::number(&found["p50_ms"])
}
