//! `cargo xtask compare swaps`: the effect of version changes on requests.

mod page;
mod unseen;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use xtask::build;
use xtask::cargo::target;

use self::unseen::Unseen;
use super::report::number;
use super::runner::{Runner, TEXT};
use super::server::{Server, ServerSpec, Usage};
use super::servers::{absolute, serve_component};
use crate::http;
use crate::second_version;

/// Rounds; each is a phase without changes and a phase with changes.
const ROUNDS: usize = 5;
/// Changes in a phase; each is a swap and two rollbacks.
const CHANGES: u32 = 20;
/// Time between two changes.
const INTERVAL: Duration = Duration::from_millis(1200);
/// The load of the open loop, as a share of the throughput at saturation. On a shared machine a higher
/// share could saturate the server even without changes.
const LOAD: f64 = 0.7;
/// The number of connections of the closed loop, which saturates the server.
const CONNECTIONS: &str = "8";

/// The results with one protocol.
struct Outcome {
    protocol: &'static str,
    loads: Vec<UnderLoad>,
    /// Memory of the idle server, before and after.
    memory: [Usage; 2],
}

/// The results under one load.
#[derive(Default)]
struct UnderLoad {
    /// A description of the load.
    label: String,
    rounds: Vec<Round>,
    /// Durations of swaps in milliseconds, sorted.
    swaps: Vec<f64>,
    /// Durations of rollbacks in milliseconds, sorted.
    rollbacks: Vec<f64>,
}

/// A phase without changes, and a phase with changes.
struct Round {
    unchanged: Value,
    changing: Value,
}

/// The swap to a version that is not in the cache.
struct Uncached {
    /// Before and during the swap.
    phases: [Value; 2],
    /// Duration of the swap.
    seconds: f64,
}

/// All results.
struct Results {
    uncached: Uncached,
    unseen: Unseen,
    /// For each protocol.
    outcomes: Vec<Outcome>,
}

/// Measures; returns the text of `docs/performance-swaps.md`.
pub(super) fn run(runner: &Runner) -> anyhow::Result<String> {
    build::component()?;
    let versions =
        [build::component_file(), second_version::build(&target().join("compare/swaps"))?];
    let cache = target().join("compare/swaps/cache");
    let uncached = uncached(runner, &versions)?;
    let unseen = unseen::measure(runner)?;
    let mut outcomes = Vec::new();
    for protocol in ["1.1", "2"] {
        outcomes.push(outcome(runner, &versions, &cache, protocol)?);
    }
    Ok(page::write(&Results { uncached, unseen, outcomes }, runner))
}

fn spec(file: &Path, cache: &Path) -> anyhow::Result<ServerSpec> {
    let cache = absolute(cache.into());
    serve_component("pilotlight", file.into(), &["--cache-dir", &cache])
}

/// The summary of one run of `pilotlight bench`.
fn bench(runner: &Runner, spec: &ServerSpec, arguments: &[&str]) -> anyhow::Result<Value> {
    let target = format!("pilotlight={}", spec.url("/"));
    let body = json!({"inputs": TEXT}).to_string();
    let common = ["--target", &target, "--body", &body, "--rounds", "1"];
    Ok(runner.bench("swaps", &[&common[..], arguments].concat())?["targets"][0]["summary"].clone())
}

fn outcome(
    runner: &Runner,
    versions: &[PathBuf; 2],
    cache: &Path,
    protocol: &'static str,
) -> anyhow::Result<Outcome> {
    let spec = spec(&versions[0], cache)?;
    let server = spec.start()?;
    let http = ["--http", protocol];
    let closed = ["--concurrency", CONNECTIONS, "--duration"];
    let peak = bench(runner, &spec, &[&http[..], &closed, &[&runner.seconds(10)]].concat())?;
    let rate = format!("{:.1}", (number(&peak["requests_per_second"]) * LOAD).max(1.0));
    let seconds = runner.seconds((INTERVAL * CHANGES).as_secs() as u32);
    let open = ["--rate", &rate, "--arrivals", "poisson", "--duration", &seconds];
    let open = [&http[..], &open].concat();
    let closed = [&http[..], &closed, &[&seconds]].concat();
    // Memory is constant after both versions have been compiled and have served.
    for version in [&versions[1], &versions[0]] {
        change(&server, version)?;
        bench(runner, &spec, &open)?;
    }
    let before = idle_usage(&server)?;
    let mut loads = Vec::new();
    for (label, load) in
        [(format!("{rate} requests/s"), &open), (format!("{CONNECTIONS} connections"), &closed)]
    {
        let send = || bench(runner, &spec, load);
        loads.push(UnderLoad { label, ..under_load(runner, &server, versions, &send)? });
    }
    let memory = [before, idle_usage(&server)?];
    Ok(Outcome { protocol, loads, memory })
}

/// Alternates phases without and with changes, while `send` sends requests.
fn under_load(
    runner: &Runner,
    server: &Server,
    versions: &[PathBuf; 2],
    send: &dyn Fn() -> anyhow::Result<Value>,
) -> anyhow::Result<UnderLoad> {
    let mut results = UnderLoad::default();
    for _ in 0..if runner.is_quick() { 1 } else { ROUNDS } {
        let unchanged = send()?;
        let (changing, changed) = std::thread::scope(|scope| {
            let count = if runner.is_quick() { 2 } else { CHANGES };
            let times = (&mut results.swaps, &mut results.rollbacks);
            let changes = scope.spawn(move || change_repeatedly(server, versions, count, times));
            (send(), changes.join())
        });
        finished(changed)?;
        results.rounds.push(Round { unchanged, changing: changing? });
    }
    results.swaps.sort_by(f64::total_cmp);
    results.rollbacks.sort_by(f64::total_cmp);
    Ok(results)
}

/// Makes `count` swaps at constant intervals; each is rolled back and restored.
fn change_repeatedly(
    server: &Server,
    versions: &[PathBuf; 2],
    count: u32,
    (swaps, rollbacks): (&mut Vec<f64>, &mut Vec<f64>),
) -> anyhow::Result<()> {
    let start = Instant::now();
    for number in 0..count {
        std::thread::sleep((INTERVAL * number).saturating_sub(start.elapsed()));
        swaps.push(change(server, &versions[(number as usize + 1) % 2])?);
        std::thread::sleep(INTERVAL / 4);
        rollbacks.push(roll_back(server)?);
        rollbacks.push(roll_back(server)?);
    }
    Ok(())
}

/// Requests while a version is compiled and takes over.
fn uncached(runner: &Runner, versions: &[PathBuf; 2]) -> anyhow::Result<Uncached> {
    let cache = target().join("compare/swaps/new-cache");
    if cache.exists() {
        fs::remove_dir_all(&cache)?;
    }
    let spec = spec(&versions[0], &cache)?;
    let server = spec.start()?;
    let seconds = runner.seconds(30);
    let open = ["--rate", "20", "--arrivals", "poisson", "--duration", &seconds];
    let quiet = bench(runner, &spec, &open)?;
    let (during, took) = std::thread::scope(|scope| {
        let changing = scope.spawn(|| change(&server, &versions[1]));
        (bench(runner, &spec, &open), changing.join())
    });
    Ok(Uncached { phases: [quiet, during?], seconds: finished(took)? / 1e3 })
}

/// What a thread that changes versions has returned.
fn finished<T>(joined: std::thread::Result<anyhow::Result<T>>) -> anyhow::Result<T> {
    joined.map_err(|_| anyhow::anyhow!("the thread that changes versions panicked"))?
}

/// Swaps to `version`; returns the duration in milliseconds.
fn change(server: &Server, version: &Path) -> anyhow::Result<f64> {
    let start = Instant::now();
    http::put(admin(server)?, "/functions/default", &json!({"source": version}))?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

/// Rolls back; returns the duration in milliseconds.
fn roll_back(server: &Server) -> anyhow::Result<f64> {
    let start = Instant::now();
    http::post(admin(server)?, "/functions/default/rollback", &Value::Null)?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

fn admin(server: &Server) -> anyhow::Result<u16> {
    server.spec.admin.ok_or_else(|| anyhow::anyhow!("the server has no administration API"))
}

/// Resources of the idle server, after pools have shrunk.
fn idle_usage(server: &Server) -> anyhow::Result<Usage> {
    std::thread::sleep(Duration::from_secs(25));
    server.usage()
}
