//! `cargo xtask compare swaps`: what those who ask notice of changes of version.

mod page;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use xtask::build::{self, binary};
use xtask::cargo::target;

use super::lab::{Lab, TEXT};
use super::line_up::text;
use super::service::{Recipe, Service, Usage};
use super::words::number;
use crate::http;
use crate::second_version;

/// Turns of a calm time and one in which versions change.
const ROUNDS: usize = 5;
/// Changes in each, one after the other; each is a swap and two rollbacks.
const CHANGES: u32 = 20;
const BETWEEN: Duration = Duration::from_millis(1200);
/// Share of what saturates the server that is asked of it. A machine that others use, too, does not
/// always give as much as when that was measured: with more, calm times are not calm.
const LOAD: f64 = 0.7;
/// What saturates the server: so many connections, each of which asks again when it is answered.
const CONNECTIONS: &str = "8";

/// One protocol's figures.
struct Outcome {
    protocol: &'static str,
    loads: Vec<UnderLoad>,
    /// At rest before and after.
    memory: [Usage; 2],
}

/// What changes under one load.
#[derive(Default)]
struct UnderLoad {
    /// Which load: what the page says of it.
    words: String,
    rounds: Vec<Round>,
    /// Milliseconds from the request for a swap to its answer, in order of size.
    swaps: Vec<f64>,
    rollbacks: Vec<f64>,
}

/// Nobody changes anything; versions change all the time.
struct Round {
    calm: Value,
    changing: Value,
}

/// A version that has never been compiled takes over.
struct First {
    phases: [Value; 2],
    seconds: f64,
}

/// Measures; the text of `docs/performance-swaps.md`.
pub(super) fn run(lab: &Lab) -> anyhow::Result<String> {
    build::component()?;
    let versions =
        [build::component_file(), second_version::build(&target().join("compare/swaps"))?];
    let cache = target().join("compare/swaps/cache");
    let first = first(lab, &versions)?;
    let mut outcomes = Vec::new();
    for protocol in ["1.1", "2"] {
        outcomes.push(outcome(lab, &versions, &cache, protocol)?);
    }
    Ok(page::write(&first, &outcomes, lab))
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
    let closed = ["--concurrency", CONNECTIONS, "--duration"];
    let peak = ask(lab, &recipe, &[&http[..], &closed, &[&lab.seconds(10)]].concat())?;
    let rate = format!("{:.1}", (number(&peak["requests_per_second"]) * LOAD).max(1.0));
    let seconds = lab.seconds((BETWEEN * CHANGES).as_secs() as u32);
    let open = ["--rate", &rate, "--arrivals", "poisson", "--duration", &seconds];
    let open = [&http[..], &open].concat();
    let closed = [&http[..], &closed, &[&seconds]].concat();
    // Both versions have been compiled and have served: memory is what it is going to be.
    for version in [&versions[1], &versions[0]] {
        change(&service, version)?;
        ask(lab, &recipe, &open)?;
    }
    let before = at_rest(&service)?;
    let mut loads = Vec::new();
    for (words, load) in
        [(format!("{rate} requests/s"), &open), (format!("{CONNECTIONS} connections"), &closed)]
    {
        let asking = || ask(lab, &recipe, load);
        loads.push(UnderLoad { words, ..under_load(lab, &service, versions, &asking)? });
    }
    let memory = [before, at_rest(&service)?];
    Ok(Outcome { protocol, loads, memory })
}

/// Calm times and times of change in turns, while `asking` runs.
fn under_load(
    lab: &Lab,
    service: &Service,
    versions: &[PathBuf; 2],
    asking: &dyn Fn() -> anyhow::Result<Value>,
) -> anyhow::Result<UnderLoad> {
    let mut found = UnderLoad::default();
    for _ in 0..if lab.is_quick() { 1 } else { ROUNDS } {
        let calm = asking()?;
        let (changing, changed) = std::thread::scope(|scope| {
            let most = if lab.is_quick() { 2 } else { CHANGES };
            let times = (&mut found.swaps, &mut found.rollbacks);
            let changes = scope.spawn(move || change_all_the_time(service, versions, most, times));
            (asking(), changes.join())
        });
        changed.map_err(|_| anyhow::anyhow!("changing versions broke off"))??;
        found.rounds.push(Round { calm, changing: changing? });
    }
    found.swaps.sort_by(f64::total_cmp);
    found.rollbacks.sort_by(f64::total_cmp);
    Ok(found)
}

/// `most` swaps, evenly spaced, each rolled back and forth.
fn change_all_the_time(
    service: &Service,
    versions: &[PathBuf; 2],
    most: u32,
    (swaps, rollbacks): (&mut Vec<f64>, &mut Vec<f64>),
) -> anyhow::Result<()> {
    let start = Instant::now();
    for number in 0..most {
        std::thread::sleep((BETWEEN * number).saturating_sub(start.elapsed()));
        swaps.push(change(service, &versions[(number as usize + 1) % 2])?);
        std::thread::sleep(BETWEEN / 4);
        rollbacks.push(roll_back(service)?);
        rollbacks.push(roll_back(service)?);
    }
    Ok(())
}

/// Requests while a version that has never been compiled takes over.
fn first(lab: &Lab, versions: &[PathBuf; 2]) -> anyhow::Result<First> {
    let cache = target().join("compare/swaps/new-cache");
    if cache.exists() {
        fs::remove_dir_all(&cache)?;
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
