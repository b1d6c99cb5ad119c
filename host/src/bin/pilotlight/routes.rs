use std::collections::BTreeMap;

use anyhow::Context as _;
use clap::Args;
use http::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::administration::Administration;

/// Digits of a digest that are shown.
const SHORT: usize = 12;

#[derive(Args)]
pub(crate) struct RoutesArgs {
    #[command(flatten)]
    administration: Administration,
    /// Report in JSON
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Matrix {
    routes: Vec<Route>,
    functions: BTreeMap<String, Function>,
}

#[derive(Deserialize)]
struct Route {
    name: String,
    targets: Vec<(String, f64)>,
    canary: Option<Value>,
    shadow: Option<String>,
    shadowed: Option<Value>,
}

#[derive(Deserialize)]
struct Function {
    current: Version,
    previous: Option<Version>,
    changing: bool,
}

#[derive(Deserialize)]
struct Version {
    sha256: String,
    source: String,
    pool: Pool,
    in_crash_backoff: bool,
}

#[derive(Deserialize)]
struct Pool {
    ready: u64,
    live: u64,
    waiting: u64,
    failed: u64,
}

pub(crate) fn run(options: &RoutesArgs) -> anyhow::Result<()> {
    let nothing = ("application/json", Vec::new());
    let answer = options.administration.ask(Method::GET, "/routes", nothing)?;
    if options.json {
        println!("{answer}");
        return Ok(());
    }
    let matrix: Matrix = serde_json::from_value(answer).context(
        "the response to /routes is not valid; server and command may have different versions",
    )?;
    if matrix.routes.is_empty() {
        println!("no routes: every request goes to the function `default`");
    }
    for route in &matrix.routes {
        show_route(route, &matrix.functions);
    }
    println!(
        "{:<24} {:<12} {:>6} {:>6} {:>8}  source",
        "version", "sha256", "ready", "live", "waiting"
    );
    for (name, function) in &matrix.functions {
        let changing = if function.changing { " (changing)" } else { "" };
        show_version(&format!("{name}{changing}"), &function.current);
        if let Some(previous) = &function.previous {
            show_version(&format!("{name}@previous"), previous);
        }
    }
    Ok(())
}

fn show_route(route: &Route, functions: &BTreeMap<String, Function>) {
    println!("route {}", route.name);
    for (target, share) in &route.targets {
        println!("  {:>6.2} %  {target:<24} {}", share * 100.0, health(target, functions));
    }
    if let Some(canary) = &route.canary {
        show_canary(canary);
    }
    if let (Some(target), Some(counts)) = (&route.shadow, &route.shadowed) {
        let [same, different, failed, skipped] =
            ["same", "different", "failed", "skipped"].map(|key| counts[key].as_u64().unwrap_or(0));
        println!(
            "  shadow {target}: {same} same, {different} different, {failed} failed, {skipped} skipped"
        );
    }
}

/// State of the version that a target names.
fn health(target: &str, functions: &BTreeMap<String, Function>) -> &'static str {
    let (name, version) = target.split_once('@').unwrap_or((target, "current"));
    let Some(function) = functions.get(name) else { return "no such function" };
    let version = match version {
        "current" => Some(&function.current),
        "previous" => function.previous.as_ref(),
        digits => {
            let mut versions = function.previous.iter().chain([&function.current]);
            versions.find(|version| version.sha256.starts_with(digits))
        }
    };
    match version {
        None => "no such version",
        Some(version) if version.in_crash_backoff => "in crash backoff",
        Some(version) if version.pool.ready > 0 => "ready",
        Some(version) if version.pool.failed > 0 => "instances fail",
        Some(_) => "busy",
    }
}

fn show_canary(canary: &Value) {
    let percent = canary["share"].as_f64().unwrap_or_default() * 100.0;
    let phase = canary["phase"].as_str().unwrap_or_default().replace('_', " ");
    let reason = canary["reason"].as_str().map(|reason| format!(": {reason}"));
    println!("  canary: {phase}, {percent:.2} %{}", reason.unwrap_or_default());
    for side in ["canary", "control"] {
        let count = |key: &str| canary[side][key].as_u64().unwrap_or_default();
        let p99 = canary[side]["p99_us"].as_f64().unwrap_or_default() / 1e3;
        println!(
            "    {side}: {} requests in this step, {} failed, p99 {p99:.1} ms",
            count("requests"),
            count("failures")
        );
    }
}

fn show_version(name: &str, version: &Version) {
    let Version { sha256, source, pool, .. } = version;
    let digits = sha256.get(..SHORT).unwrap_or(sha256);
    let Pool { ready, live, waiting, .. } = pool;
    println!("{name:<24} {digits:<12} {ready:>6} {live:>6} {waiting:>8}  {source}");
}
