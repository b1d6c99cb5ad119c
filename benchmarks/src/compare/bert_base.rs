//! `cargo xtask compare bert-base`: a model of the size of BERT-base, in batches of 16 texts.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde_json::json;
use xtask::build;
use xtask::cargo::{execute, root, target};
use xtask::peers;

use super::host::direct::{Direct, Outcome, Setting, cores};
use super::host::files::{Files, Precision, Texts};
use super::host::servers::{HostServers, THREADS};
use super::markdown::{self, mib, ms, plot, table_head, table_row, versions};
use super::report::{connections, errors, machine, number, targets, text};
use super::runner::{Run, Runner};
use super::server::ServerSpec;
use super::servers::{absolute, python};

/// Texts in a request.
pub(super) const BATCH: usize = 16;
/// Tokens of a text, including the two special ones.
pub(super) const TOKENS: usize = 128;
const FASTAPI: &str = "FastAPI + ONNX Runtime";
/// Python packages that export the model, and those of the second Python service.
const EXPORT_PACKAGES: [&str; 1] = ["onnx==1.23.2"];
const FLASK_PACKAGES: [&str; 3] = ["flask==3.1.3", "torch==2.15.0", "transformers==5.24.0"];

/// Why the precision is an option.
pub(super) const INT8: &str = "Pilotlight computes in int8 (`--precision int8`): \
    the labels of random weights are nearly ties, so the accuracy check of `pilotlight build` would select f32.";

struct Results {
    /// ONNX Runtime called directly.
    direct: Vec<Outcome>,
    load: Run,
    /// Whether PyTorch is among the servers.
    flask: bool,
    versions: Vec<(&'static str, String)>,
}

/// Measures; returns the text of `docs/performance-bert-base.md`.
pub(super) fn run(runner: &Runner) -> anyhow::Result<String> {
    build::host()?;
    let (servers, texts) = prepare()?;
    let direct = direct(&servers, &texts, runner)?;
    let mut targets = vec![
        (servers.fastapi(FASTAPI, Precision::F32, THREADS[0])?, "/"),
        (servers.native_int8()?, "/"),
        (servers.native_f32()?, "/"),
        (servers.pilotlight("pilotlight, ONNX Runtime f32", Precision::F32)?, "/"),
    ];
    let flask = flask(&servers);
    targets.extend(flask.clone().map(|spec| (spec, "/")));
    let bodies = texts.bodies.display().to_string();
    let (steps, seconds) = if runner.is_quick() { ("1", "20s") } else { ("1,4", "60s") };
    let load = ["load", "--concurrency", steps, "--rounds", "1", "--duration", seconds];
    let more = ["--warm-up", "10s", "--timeout", "5m", "--corpus", &bodies];
    let load = runner.compare("bert-base", &targets, &[&load[..], &more].concat())?;
    let mut versions = super::servers::versions(&servers.python);
    if flask.is_some() {
        versions.push(("Python packages of the Flask service", FLASK_PACKAGES.join(", ")));
    }
    Ok(page(&Results { direct, load, flask: flask.is_some(), versions }, runner))
}

/// FastAPI and Pilotlight in alternating rounds, one request after the other, for the page of inference on
/// the host.
pub(super) fn beside_fastapi(runner: &Runner) -> anyhow::Result<Run> {
    let (servers, texts) = prepare()?;
    let fastapi = servers.fastapi(FASTAPI, Precision::F32, THREADS[0])?;
    let targets = [(fastapi, "/"), (servers.native_int8()?, "/")];
    let bodies = texts.bodies.display().to_string();
    let (rounds, seconds) = if runner.is_quick() { ("1", "5s") } else { ("3", "24s") };
    let load = ["--concurrency", "1", "--rounds", rounds, "--duration", seconds];
    let more = ["--warm-up", "5s", "--timeout", "2m", "--corpus", &bodies];
    runner.compare("host-bert-base", &targets, &[&load[..], &more].concat())
}

/// Exports the model and builds its components.
fn prepare() -> anyhow::Result<(HostServers, Texts)> {
    let python = PathBuf::from(python()?);
    let servers = HostServers::new(Files::new(export(&python)?, "bert-base")?)?;
    servers.build(Precision::F32)?;
    servers.build_native_int8()?;
    let texts = servers.files.texts("texts", &bodies(), &servers.python)?;
    Ok((servers, texts))
}

/// Exports the model; returns its folder.
fn export(python: &Path) -> anyhow::Result<PathBuf> {
    let folder = target().join("compare/bert-base/model");
    if !folder.join("model.toml").is_file() {
        peers::install(python, &EXPORT_PACKAGES)?;
        let script = root().join("benchmarks/python/export_bert.py");
        execute(Command::new(python).arg(script).arg(&folder))?;
    }
    folder.canonicalize().with_context(|| folder.display().to_string())
}

/// Request bodies with different texts. Each character of a text is a token.
fn bodies() -> String {
    let character = |number: usize| char::from_u32(0x4E00 + (number * 131 % 10_000) as u32);
    let text = |number: usize| -> String {
        (0..TOKENS - 2).filter_map(|place| character(number * 7 + place * (number + 1))).collect()
    };
    let body = |request: usize| {
        let texts: Vec<String> = (0..BATCH).map(|place| text(request * BATCH + place)).collect();
        json!({"inputs": texts}).to_string() + "\n"
    };
    (0..8).map(body).collect()
}

/// Calls ONNX Runtime directly: a batch on all cores, and one text on each core.
fn direct(servers: &HostServers, texts: &Texts, runner: &Runner) -> anyhow::Result<Vec<Outcome>> {
    let direct = Direct::build(servers.library.clone(), runner.direct_seconds(8))?;
    let graph = servers.files.graph(Precision::F32);
    let batch = Setting { callers: 1, threads: cores(), batch: BATCH };
    let single = Setting { callers: cores(), threads: 1, batch: 1 };
    [batch, single].map(|setting| direct.run(&graph, texts, setting)).into_iter().collect()
}

/// Flask and PyTorch, if their gigabytes can be installed.
fn flask(servers: &HostServers) -> Option<ServerSpec> {
    let python = Path::new(&servers.python);
    let script = absolute(root().join("benchmarks/python/flask_service.py"));
    let model = absolute(servers.files.model.clone());
    let command = [&*servers.python, &*script, &*model, "PORT"];
    let installed = peers::install(python, &FLASK_PACKAGES);
    match installed.and_then(|()| ServerSpec::new("Flask + transformers + PyTorch", &command)) {
        Ok(spec) => Some(spec),
        Err(error) => {
            eprintln!("skipped: comparison with Flask, transformers and PyTorch ({error:#})");
            None
        }
    }
}

fn page(results: &Results, runner: &Runner) -> String {
    markdown::page(|page| page_text(page, results, runner))
}

fn page_text(page: &mut String, results: &Results, runner: &Runner) -> std::fmt::Result {
    writeln!(
        page,
        "# Performance with a model of the size of BERT-base

`cargo xtask compare bert-base` measures Pilotlight, FastAPI and Flask with the same model, over loopback, in one run, and writes this
page. The machine: {}.

The model has the shape of BERT-base-Chinese: 12 layers, hidden size 768, 12 heads, intermediate size 3072, 21,128 tokens in the
vocabulary, 12 kinds of entities. **Its weights are random** (benchmarks/python/export_bert.py): its labels mean nothing, but its speed is
that of a trained model, because speed does not depend on the values of weights. {INT8} A request contains {BATCH} texts of {TOKENS}
tokens. FastAPI and Flask compute them as one batch; Pilotlight's kernels compute a text of this length at a time, on all cores.
*pilotlight, f32* is for comparison.
",
        machine(&results.load.report)
    )?;
    versions(page, &results.versions, runner.is_quick())?;
    if !results.flask {
        writeln!(page, "- Flask, transformers and PyTorch could not be installed")?;
    }
    load(page, &results.load)?;
    direct_calls(page, &results.direct)?;
    plot(page, "Load", "bert-base", &results.load.command)
}

fn load(page: &mut String, run: &Run) -> std::fmt::Result {
    writeln!(
        page,
        "\n## Results\n\nMean and p99 are latencies of a request. Texts/s are calculated from the mean: few requests end within the measured \
         time. Memory is that after the highest load."
    )?;
    let columns = ["", "connections", "texts/s", "requests", "mean", "p99", "errors"];
    table_head(page, &[&columns[..], &["PSS", "RSS"]].concat())?;
    for (target, (_, usage)) in targets(&run.report).iter().zip(&run.usage) {
        for step in target["steps"].as_array().into_iter().flatten() {
            let summary = &step["summary"];
            let load = connections(step).unwrap_or_default();
            let rate = load as f64 * BATCH as f64 / (number(&summary["mean_ms"]) / 1e3);
            let mut cells = vec![text(&target["name"]).to_owned(), load.to_string()];
            cells.extend([format!("{rate:.2}"), summary["requests"].to_string()]);
            cells.extend(["mean_ms", "p99_ms"].map(|key| ms(number(&summary[key]))));
            cells.push(errors(&summary["errors"]).to_string());
            cells.extend([usage.pss, usage.rss].map(mib));
            table_row(page, &cells)?;
        }
    }
    Ok(())
}

fn direct_calls(page: &mut String, direct: &[Outcome]) -> std::fmt::Result {
    writeln!(
        page,
        "\nONNX Runtime with the f32 graph, called directly from Rust. Latencies are those of a batch."
    )?;
    table_head(page, &Outcome::COLUMNS)?;
    for outcome in direct {
        table_row(page, &outcome.cells())?;
    }
    Ok(())
}
