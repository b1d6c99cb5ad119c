//! `cargo xtask compare article`: a model of the size of BERT-base, in batches of 16 texts.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde_json::json;
use xtask::cargo::{execute, root, target};
use xtask::peers;

use super::host::connections;
use super::host::contenders::{Contenders, THREADS};
use super::host::direct::{Direct, Outcome, Setting, cores};
use super::host::files::{Files, Precision, Texts};
use super::lab::{Lab, Run};
use super::line_up::{python, text};
use super::service::Recipe;
use super::words::{errors, head, machine, ms, number, row, versions, word};

/// Texts in a request, and their tokens, the special ones among them.
const BATCH: usize = 16;
const TOKENS: usize = 128;
/// What the export of the model takes, and the other Python service.
const EXPORT_PACKAGES: [&str; 1] = ["onnx==1.23.2"];
const FLASK_PACKAGES: [&str; 3] = ["flask==3.1.3", "torch==2.15.0", "transformers==5.24.0"];

struct Results {
    limit: Vec<Outcome>,
    load: Run,
    /// Whether PyTorch is among the contenders.
    flask: bool,
    versions: Vec<(&'static str, String)>,
}

/// Measures; the text of `docs/performance-article.md`.
pub(super) fn run(lab: &Lab) -> anyhow::Result<String> {
    xtask::build::host()?;
    let python = PathBuf::from(python()?);
    let files = Files::new(export(&python)?, "bert-base")?;
    let contenders = Contenders::new(files)?;
    contenders.build(Precision::F32)?;
    let texts = contenders.files.texts("texts", &bodies(), &contenders.python)?;
    let limit = limit(&contenders, &texts, lab)?;
    let mut targets = vec![
        (contenders.fastapi("FastAPI + ONNX Runtime", Precision::F32, THREADS[0])?, "/"),
        (contenders.pilotlight("pilotlight", Precision::F32)?, "/"),
    ];
    let flask = flask(&contenders);
    targets.extend(flask.clone().map(|recipe| (recipe, "/")));
    let bodies = texts.bodies.display().to_string();
    let (steps, seconds) = if lab.is_quick() { ("1", "20s") } else { ("1,4", "60s") };
    let load = ["load", "--concurrency", steps, "--rounds", "1", "--duration", seconds];
    let more = ["--warm-up", "10s", "--timeout", "5m", "--corpus", &bodies];
    let load = lab.compare("article", &targets, &[&load[..], &more].concat())?;
    let mut versions = super::line_up::versions(&contenders.python);
    if flask.is_some() {
        versions.push(("and", FLASK_PACKAGES.join(", ")));
    }
    Ok(page(&Results { limit, load, flask: flask.is_some(), versions }, lab))
}

/// The model folder.
fn export(python: &Path) -> anyhow::Result<PathBuf> {
    let folder = target().join("compare/bert-base/model");
    if !folder.join("model.toml").is_file() {
        peers::install(python, &EXPORT_PACKAGES)?;
        let script = root().join("tests/load/export_bert.py");
        execute(Command::new(python).arg(script).arg(&folder))?;
    }
    folder.canonicalize().with_context(|| folder.display().to_string())
}

/// Requests of texts of single characters, each a token; no two texts are alike.
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

/// The direct call: one batch on all cores, and a text on each core.
fn limit(contenders: &Contenders, texts: &Texts, lab: &Lab) -> anyhow::Result<Vec<Outcome>> {
    let direct = Direct::build(contenders.library.clone(), lab.direct_seconds())?;
    let graph = contenders.files.graph(Precision::F32);
    let batch = Setting { callers: 1, threads: cores(), batch: BATCH };
    let single = Setting { callers: cores(), threads: 1, batch: 1 };
    [batch, single].map(|setting| direct.run(&graph, texts, setting)).into_iter().collect()
}

/// Flask and PyTorch where they install; that takes gigabytes.
fn flask(contenders: &Contenders) -> Option<Recipe> {
    let python = Path::new(&contenders.python);
    let script = text(root().join("tests/load/flask_service.py"));
    let words = [&*contenders.python, &*script, &text(contenders.files.model.clone()), "PORT"];
    let installed = peers::install(python, &FLASK_PACKAGES);
    match installed.and_then(|()| Recipe::new("Flask + transformers + PyTorch", &words)) {
        Ok(recipe) => Some(recipe),
        Err(error) => {
            eprintln!("skipped: comparison with Flask, transformers and PyTorch ({error:#})");
            None
        }
    }
}

fn page(results: &Results, lab: &Lab) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = page_text(&mut page, results, lab);
    page
}

fn page_text(page: &mut String, results: &Results, lab: &Lab) -> std::fmt::Result {
    writeln!(
        page,
        "# Performance with a model of the size of BERT-base

Written by `cargo xtask compare article`: everything below was measured in one run, over loopback, on {}.

The model has the shape of BERT-base-Chinese: 12 layers, hidden 768, 12 heads, intermediate 3072, 21,128 tokens of vocabulary;
12 kinds of entities. **Its weights are drawn at random** (tests/load/export_bert.py): it labels nothing sensibly, and takes
as long as a trained one, since speed does not depend on the values of weights. A request holds {BATCH} texts of {TOKENS} tokens.
FastAPI computes them as one batch, as does Flask with PyTorch; Pilotlight's function hands its texts to the host in batches of at most eight.
",
        machine(&results.load.report)
    )?;
    versions(page, &results.versions, lab.is_quick())?;
    if !results.flask {
        writeln!(page, "- Flask, transformers and PyTorch did not install here")?;
    }
    answers(page, &results.load)?;
    direct(page, &results.limit)?;
    let command = results.load.command.split(' ').map(|word| match word.rsplit_once('/') {
        Some((_, file)) if file.ends_with(".jsonl") => file,
        _ => word,
    });
    let command = command.collect::<Vec<_>>().join(" ");
    writeln!(page, "\n![Load](performance/article.svg)\n\n```sh\n{command}\n```")
}

fn answers(page: &mut String, run: &Run) -> std::fmt::Result {
    writeln!(
        page,
        "\n## Figures\n\nMean and p99 are those of a request; texts/s are what connections that each wait a mean for {BATCH} texts \
         come to; memory is that after the highest load."
    )?;
    let columns = ["", "connections", "texts/s", "requests", "mean", "p99", "errors"];
    head(page, &[&columns[..], &["PSS", "RSS"]].concat())?;
    let targets = run.report["targets"].as_array().into_iter().flatten();
    for (target, (_, usage)) in targets.zip(&run.usage) {
        for step in target["steps"].as_array().into_iter().flatten() {
            let summary = &step["summary"];
            let load = connections(step).unwrap_or_default();
            // Few requests end within the measured time: counting them would be coarse.
            let rate = load as f64 * BATCH as f64 / (number(&summary["mean_ms"]) / 1e3);
            let mut cells = vec![word(&target["name"]).to_owned(), load.to_string()];
            cells.extend([format!("{rate:.2}"), summary["requests"].to_string()]);
            cells.extend(["mean_ms", "p99_ms"].map(|key| ms(number(&summary[key]))));
            cells.push(errors(&summary["errors"]).to_string());
            cells.extend([usage.pss, usage.rss].map(|mebibytes| format!("{mebibytes:.0} MiB")));
            row(page, &cells)?;
        }
    }
    Ok(())
}

fn direct(page: &mut String, limit: &[Outcome]) -> std::fmt::Result {
    writeln!(page, "\nThe same graph by ONNX Runtime called directly from Rust: the limit.")?;
    head(page, &["sessions", "threads each", "batch", "texts/s", "p50", "p99", "RSS"])?;
    for outcome in limit {
        row(page, &outcome.cells())?;
    }
    Ok(())
}
