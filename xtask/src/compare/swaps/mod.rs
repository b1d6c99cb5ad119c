//! `cargo xtask compare swaps`: what those who ask notice of changes of version.

mod page;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::http;
use super::lab::{Lab, TEXT};
use super::line_up::text;
use super::service::{Recipe, Service, Usage};
use super::words::number;
use crate::build::{self, binary};
use crate::cargo::{execute, root, target};

/// Changes under load, each a swap and a rollback.
const CHANGES: u32 = 100;
/// Share of what saturates the server that is asked of it.
const LOAD: f64 = 0.8;

/// One protocol's figures.
struct Outcome {
    protocol: &'static str,
    rate: f64,
    /// Nobody changes anything; versions change all the time; nobody does any more.
    phases: [Value; 3],
    changes: u32,
    /// Milliseconds from the request for a swap to its answer, in order of size.
    swaps: Vec<f64>,
    rollbacks: Vec<f64>,
    /// At rest before and after.
    memory: [Usage; 2],
}

/// A version that has never been compiled takes over.
struct First {
    phases: [Value; 2],
    seconds: f64,
}

/// Measures; the text of `docs/performance-swaps.md`.
pub(super) fn run(lab: &Lab) -> anyhow::Result<String> {
    build::component()?;
    let versions = [build::component_file(), other_version()?];
    let cache = target().join("compare/swaps/cache");
    let first = first(lab, &versions)?;
    let mut outcomes = Vec::new();
    for protocol in ["1.1", "2"] {
        outcomes.push(outcome(lab, &versions, &cache, protocol)?);
    }
    Ok(page::write(&first, &outcomes, lab))
}

/// The default model in another precision.
fn other_version() -> anyhow::Result<PathBuf> {
    let file = target().join("compare/swaps/int8.wasm");
    std::fs::create_dir_all(target().join("compare/swaps"))?;
    let (model, output) = (root().join("models/pii-ner"), text(file.clone()));
    let mut command = Command::new(binary());
    command.arg("build").arg(model).args(["--precision", "int8", "-o", &output]);
    execute(&mut command)?;
    Ok(file)
}

fn recipe(file: &Path, cache: &Path) -> anyhow::Result<Recipe> {
    let (program, file, cache) = (text(binary()), text(file.into()), text(cache.into()));
    let ports = ["--listen", "127.0.0.1:PORT", "--admin-listen", "127.0.0.1:ADMIN"];
    let words = [&[&*program, "serve", &file, "--cache-dir", &cache], &ports[..]].concat();
    Recipe::new("pilotlight", &words)
}

/// One run of `pilotlight bench` against `recipe`.
fn ask(lab: &Lab, recipe: &Recipe, arguments: &[&str]) -> anyhow::Result<Value> {
    let target = format!("pilotlight={}", recipe.url("/"));
    let body = json!({"inputs": TEXT}).to_string();
    let words = [&["--target", &target, "--body", &body, "--rounds", "1"][..], arguments].concat();
    Ok(lab.ask("swaps", &words)?["targets"][0]["summary"].clone())
}

fn outcome(
    lab: &Lab,
    versions: &[PathBuf; 2],
    cache: &Path,
    protocol: &'static str,
) -> anyhow::Result<Outcome> {
    let recipe = recipe(&versions[0], cache)?;
    let service = recipe.start()?;
    let http = ["--http", protocol];
    let closed = ["--concurrency", "8", "--duration", &lab.seconds(10)];
    let peak = ask(lab, &recipe, &[&http[..], &closed].concat())?;
    let rate = (number(&peak["requests_per_second"]) * LOAD).max(1.0);
    // Both versions are compiled and have served: memory is what it is going to be.
    change(&service, &versions[1])?;
    change(&service, &versions[0])?;
    let before = at_rest(&service)?;
    let (rate_word, seconds) = (format!("{rate:.1}"), lab.seconds(60));
    let open = ["--rate", &rate_word, "--arrivals", "poisson", "--duration", &seconds];
    let arguments = [&http[..], &open].concat();
    let quiet = ask(lab, &recipe, &arguments)?;
    let (mut swaps, mut rollbacks) = (Vec::new(), Vec::new());
    let done = AtomicBool::new(false);
    let (during, changed) = std::thread::scope(|scope| {
        let changing = scope.spawn(|| -> anyhow::Result<u32> {
            let pause = Duration::from_secs_f64(if lab.is_quick() { 0.2 } else { 0.5 });
            let most = if lab.is_quick() { 5 } else { CHANGES };
            let mut changes = 0;
            while changes < most && !done.load(Ordering::Relaxed) {
                swaps.push(change(&service, &versions[(changes as usize + 1) % 2])?);
                std::thread::sleep(pause / 10);
                rollbacks.push(roll_back(&service)?);
                roll_back(&service)?;
                std::thread::sleep(pause);
                changes += 1;
            }
            Ok(changes)
        });
        let during = ask(lab, &recipe, &arguments);
        done.store(true, Ordering::Relaxed);
        (during, changing.join())
    });
    let changes = changed.map_err(|_| anyhow::anyhow!("changing versions broke off"))??;
    let after = ask(lab, &recipe, &arguments)?;
    let memory = [before, at_rest(&service)?];
    swaps.sort_by(f64::total_cmp);
    rollbacks.sort_by(f64::total_cmp);
    let phases = [quiet, during?, after];
    Ok(Outcome { protocol, rate, phases, changes, swaps, rollbacks, memory })
}

/// Requests while a version that has never been compiled takes over.
fn first(lab: &Lab, versions: &[PathBuf; 2]) -> anyhow::Result<First> {
    let cache = target().join("compare/swaps/new-cache");
    if cache.exists() {
        std::fs::remove_dir_all(&cache)?;
    }
    let recipe = recipe(&versions[0], &cache)?;
    let service = recipe.start()?;
    let seconds = lab.seconds(30);
    let open = ["--rate", "20", "--arrivals", "poisson", "--duration", &seconds];
    let quiet = ask(lab, &recipe, &open)?;
    let (during, took) = std::thread::scope(|scope| {
        let changing = scope.spawn(|| change(&service, &versions[1]));
        (ask(lab, &recipe, &open), changing.join())
    });
    let took = took.map_err(|_| anyhow::anyhow!("the change broke off"))??;
    Ok(First { phases: [quiet, during?], seconds: took / 1e3 })
}

/// Has `version` take over; how long it took in milliseconds.
fn change(service: &Service, version: &Path) -> anyhow::Result<f64> {
    let start = Instant::now();
    http::put(admin(service)?, "/functions/default", &json!({"source": version}))?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

fn roll_back(service: &Service) -> anyhow::Result<f64> {
    let start = Instant::now();
    http::post(admin(service)?, "/functions/default/rollback", &Value::Null)?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

fn admin(service: &Service) -> anyhow::Result<u16> {
    service.recipe.admin.ok_or_else(|| anyhow::anyhow!("it has no administration"))
}

/// What the server takes once pools have shrunk to what they keep.
fn at_rest(service: &Service) -> anyhow::Result<Usage> {
    std::thread::sleep(Duration::from_secs(25));
    service.usage()
}
