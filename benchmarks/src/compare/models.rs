//! `cargo xtask compare models`: the first inference of an instance and later ones, for any model folder.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde_json::Value;
use xtask::build::{self, binary};
use xtask::cargo::{execute, root, target};
use xtask::models;

use super::goals::{self, Bound, Goal};
use super::markdown::{self, ms, plot, quick_note, table_head, table_row};
use super::report::{errors, machine, number, targets, text};
use super::runner::{Run, Runner};
use super::servers::serve_component;

/// The fetched models, and the options of `build` for what their folders do not say.
const FETCHED: [(&str, &[&str]); 6] = [
    ("minilm", &[]),
    ("bge-small", &["--task", "sentence-embeddings"]),
    ("reranker", &["--task", "reranking"]),
    ("lac-zh", &[]),
    ("magika", &[]),
    ("ocr-angle", &[]),
];

/// A model folder and the options of `build` for it.
struct Model {
    name: String,
    folder: PathBuf,
    options: Vec<String>,
}

/// Measures; returns the text of `docs/performance-models.md`.
pub(super) fn run(runner: &Runner) -> anyhow::Result<String> {
    build::host()?;
    let models = match runner.arguments() {
        [] => repository()?,
        [folder, options @ ..] => vec![Model::new(folder.into(), options.to_vec())],
    };
    let measure = |model: &Model| anyhow::Ok((model.name.clone(), model.measure(runner)?));
    let runs = models.iter().map(measure).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(page(&runs, runner))
}

/// The default model and those that `cargo xtask models` fetches.
fn repository() -> anyhow::Result<Vec<Model>> {
    let folder = models::fetch()?;
    let fetched = FETCHED.iter().map(|(name, options)| {
        let options = options.iter().map(|option| (*option).to_owned());
        Model::new(folder.join(name), options.collect())
    });
    Ok([Model::new(root().join("models/pii-ner"), Vec::new())].into_iter().chain(fetched).collect())
}

impl Model {
    fn new(folder: PathBuf, options: Vec<String>) -> Self {
        let name = folder.canonicalize().ok();
        let name = name.as_deref().and_then(Path::file_name).unwrap_or(folder.as_os_str());
        Self { name: name.to_string_lossy().into_owned(), folder, options }
    }

    /// Sends the component's own sample to reused and to fresh instances, one request after the other.
    fn measure(&self, runner: &Runner) -> anyhow::Result<Run> {
        let component = self.build()?;
        let sample = sample(&component)?;
        let (path, body) = (text(&sample["path"]), sample["request"].to_string());
        let path = if path.is_empty() { "/" } else { path };
        let serve = |name, more: &[&str]| serve_component(name, component.clone(), more);
        let pair = [
            (serve("reused instances", &["--requests-per-instance", "0"])?, path),
            (serve("fresh instances", &[])?, path),
        ];
        let seconds = runner.seconds(10);
        let arguments = ["--body", &body, "--duration", &seconds, "--rounds", "6"];
        runner.compare(&plot_name(&self.name), &pair, &arguments)
    }

    /// The component, in the precision that `build` chooses.
    fn build(&self) -> anyhow::Result<PathBuf> {
        let folder = target().join("compare/models");
        fs::create_dir_all(&folder)?;
        let component = folder.join(format!("{}.wasm", self.name));
        let mut command = Command::new(binary());
        command.arg("build").arg(&self.folder).args(&self.options).arg("-o").arg(&component);
        execute(&mut command)?;
        Ok(component)
    }
}

fn plot_name(model: &str) -> String {
    format!("models-{model}")
}

/// The request that a component brings along.
fn sample(component: &Path) -> anyhow::Result<Value> {
    let output = Command::new(binary()).args(["inspect", "--json"]).arg(component).output()?;
    let inspection: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("inspecting {}", component.display()))?;
    Ok(inspection["manifest"]["sample"].clone())
}

fn page(runs: &[(String, Run)], runner: &Runner) -> String {
    markdown::page(|page| page_text(page, runs, runner))
}

fn page_text(page: &mut String, runs: &[(String, Run)], runner: &Runner) -> std::fmt::Result {
    let machine = runs.first().map(|(_, run)| machine(&run.report)).unwrap_or_default();
    writeln!(
        page,
        "# Performance with other models

`cargo xtask compare models` sends each model's sample to its component, one request after the other, in alternating rounds of one run,
and writes this page. *Fresh* instances answer one request each; *reused* ones have answered others before. The machine: {machine}."
    )?;
    quick_note(page, runner.is_quick())?;
    writeln!(page)?;
    let goal = |(name, run): &(String, Run)| {
        let metric = format!("first inference of an instance, p50, {name}");
        Goal::new(metric, "later ones", Bound::AtMost(1.03)).ratio(&run.report["ratios"][0]["p50"])
    };
    goals::table(page, &runs.iter().map(goal).collect::<Vec<_>>())?;
    writeln!(page, "\n## Latency")?;
    table_head(page, &["model", "", "p50", "p99", "requests", "errors"])?;
    for (name, run) in runs {
        for one in targets(&run.report) {
            let summary = &one["summary"];
            let mut cells = vec![name.clone(), text(&one["name"]).to_owned()];
            cells.extend(["p50_ms", "p99_ms"].map(|key| ms(number(&summary[key]))));
            cells.extend([summary["requests"].to_string(), errors(&summary["errors"]).to_string()]);
            table_row(page, &cells)?;
        }
    }
    runs.iter().try_for_each(|(name, run)| plot(page, name, &plot_name(name), &run.command))
}
