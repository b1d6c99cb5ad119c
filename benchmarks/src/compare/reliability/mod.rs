//! `cargo xtask compare reliability`: the effect of overload, busy neighbors, faults and telemetry on
//! requests.

mod faults;
mod interruption;
mod neighbors;
mod overload;
mod page;
mod telemetry;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use ureq::http::Request;
use xtask::build;
use xtask::cargo::target;

use super::runner::{Runner, TEXT};
use super::server::ServerSpec;
use super::servers::{self, absolute};
use crate::http;

struct Results {
    overload: Vec<overload::Overload>,
    faults: faults::Faults,
    interruption: Vec<interruption::Interruption>,
    telemetry: Vec<telemetry::Telemetry>,
    neighbors: Vec<neighbors::Neighbors>,
}

/// Measures; returns the text of `docs/reliability.md`.
pub(super) fn run(runner: &Runner) -> anyhow::Result<String> {
    build::guests()?;
    build::component()?;
    let results = Results {
        neighbors: neighbors::run(runner)?,
        telemetry: telemetry::run(runner)?,
        overload: overload::run(runner)?,
        interruption: interruption::run(runner)?,
        faults: faults::run(runner)?,
    };
    Ok(page::write(&results, runner))
}

/// `cargo xtask compare neighbors`: only the section of `docs/reliability.md` about busy neighbors.
pub(super) fn neighbors(runner: &Runner) -> anyhow::Result<String> {
    build::component()?;
    Ok(page::write_neighbors(&neighbors::run(runner)?, runner))
}

fn folder() -> PathBuf {
    target().join("compare/reliability")
}

/// `pilotlight serve` with `arguments` and the cache of these measurements.
fn serve(name: &'static str, arguments: &[&str]) -> anyhow::Result<ServerSpec> {
    let cache = absolute(folder().join("cache"));
    servers::serve(name, &[&["--cache-dir", &*cache][..], arguments].concat())
}

/// `pilotlight serve` with the default model and the test guest. The test guest serves each of
/// `functions`, with the given limits; the header `x-function` selects the function.
fn serve_functions(functions: &[(&str, &str)]) -> anyhow::Result<ServerSpec> {
    let source = |file: &Path| json!(file).to_string();
    let mut text = format!("[functions.model]\nsource = {}\n", source(&build::component_file()));
    for (name, limits) in functions {
        let guest = source(&build::test_guest("p3"));
        text += &format!("[functions.{name}]\nsource = {guest}\nlimits = {limits}\n");
        text += &format!("[[routes]]\nmatch.header = {{ x-function = '{name}' }}\nto = '{name}'\n");
    }
    text += "[[routes]]\nto = 'model'\n";
    std::fs::create_dir_all(folder())?;
    let file = folder().join("pilotlight.toml");
    std::fs::write(&file, text)?;
    serve("pilotlight", &["--config", &file.display().to_string()])
}

/// A request to a function of [`serve_functions`].
fn function_request(port: u16, function: &str, path: &str) -> anyhow::Result<Request<String>> {
    let request = Request::get(http::url(port, path)).header("x-function", function);
    Ok(request.body(String::new())?)
}

/// A request for inference.
fn inference_request(port: u16) -> anyhow::Result<Request<String>> {
    Ok(Request::post(http::url(port, "/")).body(body())?)
}

/// The body of a request for inference of 43 tokens.
fn body() -> String {
    json!({"inputs": TEXT}).to_string()
}

/// The summary of one run of `pilotlight bench`.
fn bench(runner: &Runner, spec: &ServerSpec, arguments: &[&str]) -> anyhow::Result<Value> {
    let target = format!("pilotlight={}", spec.url("/"));
    let body = body();
    let common = ["--target", &target, "--body", &body, "--rounds", "1"];
    let report = runner.bench("reliability", &[&common[..], arguments].concat())?;
    Ok(report["targets"][0]["summary"].clone())
}

/// The value at a quantile of sorted values.
fn quantile(sorted: &[f64], quantile: f64) -> Option<f64> {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * quantile).round() as usize).copied()
}
