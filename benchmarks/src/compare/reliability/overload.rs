//! More requests than the server can process.

use serde_json::Value;
use xtask::build;
use xtask::cargo::root;

use super::{bench, serve};
use crate::compare::report::{errors, number};
use crate::compare::runner::Runner;
use crate::compare::server::ServerSpec;

/// Loads relative to the throughput at saturation.
pub(super) const LOADS: [f64; 6] = [0.7, 1.0, 1.5, 2.0, 3.0, 0.7];
const ROUNDS: usize = 3;

/// The results with one kind of inference.
pub(super) struct Overload {
    pub(super) name: &'static str,
    /// Throughput with eight connections of a closed loop.
    pub(super) saturation: f64,
    /// For each load, the summaries of all rounds.
    pub(super) loads: Vec<(f64, Vec<Value>)>,
}

impl Overload {
    /// The median of successful requests per second. All successful responses count: after the
    /// warm-up, the queue is as long at the beginning of a round as at its end.
    pub(super) fn goodput(rounds: &[Value]) -> f64 {
        let successful =
            |round: &Value| number(&round["requests"]) - errors(&round["errors"]) as f64;
        let rate = |round: &Value| successful(round) / number(&round["seconds"]);
        let mut rates: Vec<f64> = rounds.iter().map(rate).collect();
        rates.sort_by(f64::total_cmp);
        rates.get(rates.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// Goodput at the highest load relative to the highest goodput.
    pub(super) fn retained(&self) -> f64 {
        let peak = self.loads.iter().map(|(_, rounds)| Self::goodput(rounds));
        let peak = peak.fold(self.saturation, f64::max);
        let most = self.loads.iter().max_by(|one, other| one.0.total_cmp(&other.0));
        most.map_or(f64::NAN, |(_, rounds)| Self::goodput(rounds)) / peak
    }
}

pub(super) fn run(runner: &Runner) -> anyhow::Result<Vec<Overload>> {
    let component = build::component_file().display().to_string();
    let model = root().join("models/pii-ner").display().to_string();
    let sandbox = serve("pilotlight", &[&component])?;
    let host = serve("pilotlight", &[&model, "--compute", "host", "--backend", "tract"])?;
    Ok(vec![
        measure(runner, "in the sandbox", &sandbox)?,
        measure(runner, "on the host, tract", &host)?,
    ])
}

fn measure(runner: &Runner, name: &'static str, spec: &ServerSpec) -> anyhow::Result<Overload> {
    let _server = spec.start()?;
    let closed = ["--concurrency", "8", "--duration", &runner.seconds(10)];
    let saturation = number(&bench(runner, spec, &closed)?["requests_per_second"]);
    let mut loads: Vec<(f64, Vec<Value>)> = LOADS.iter().map(|load| (*load, Vec::new())).collect();
    for _ in 0..if runner.is_quick() { 1 } else { ROUNDS } {
        for (load, rounds) in &mut loads {
            let rate = format!("{:.1}", (saturation * *load).max(1.0));
            let seconds = runner.seconds(10);
            let open = ["--rate", &rate, "--arrivals", "poisson", "--duration", &seconds];
            // Waiting requests must not delay others.
            let connections = ["--connections", "4096", "--timeout", "10s"];
            rounds.push(bench(runner, spec, &[&open[..], &connections].concat())?);
        }
    }
    Ok(Overload { name, saturation, loads })
}
