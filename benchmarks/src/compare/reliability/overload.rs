//! More requests than can be answered.

use serde_json::Value;
use xtask::build;
use xtask::cargo::root;

use super::{ask, serve};
use crate::compare::lab::Lab;
use crate::compare::service::Recipe;
use crate::compare::words::{errors, number};

/// Multiples of what saturates the server.
pub(super) const LOADS: [f64; 6] = [0.7, 1.0, 1.5, 2.0, 3.0, 0.7];
const ROUNDS: usize = 3;

/// What one way of computing does under each of [`LOADS`].
pub(super) struct Overload {
    pub(super) name: &'static str,
    /// Requests a second that eight connections get answered which ask as fast as they can.
    pub(super) saturation: f64,
    /// For each load, the summaries of all rounds.
    pub(super) loads: Vec<(f64, Vec<Value>)>,
}

impl Overload {
    /// Requests a second that get a good answer, whenever it comes: the median of the rounds. The
    /// queue is as long when a round ends as when it begins, after its warm-up.
    pub(super) fn goodput(rounds: &[Value]) -> f64 {
        let good = |one: &Value| number(&one["requests"]) - errors(&one["errors"]) as f64;
        let rate = |one: &Value| good(one) / number(&one["seconds"]);
        let mut rates: Vec<f64> = rounds.iter().map(rate).collect();
        rates.sort_by(f64::total_cmp);
        rates.get(rates.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// Goodput at three times saturation beside the most at any load.
    pub(super) fn kept(&self) -> f64 {
        let peak = self.loads.iter().map(|(_, rounds)| Self::goodput(rounds));
        let peak = peak.fold(self.saturation, f64::max);
        let most = self.loads.iter().max_by(|one, other| one.0.total_cmp(&other.0));
        most.map_or(f64::NAN, |(_, rounds)| Self::goodput(rounds)) / peak
    }
}

pub(super) fn run(lab: &Lab) -> anyhow::Result<Vec<Overload>> {
    let component = build::component_file().display().to_string();
    let model = root().join("models/pii-ner").display().to_string();
    let sandbox = serve("pilotlight", &[&component])?;
    let host = serve("pilotlight", &[&model, "--compute", "host", "--backend", "tract"])?;
    Ok(vec![of(lab, "in the sandbox", &sandbox)?, of(lab, "on the host, tract", &host)?])
}

fn of(lab: &Lab, name: &'static str, recipe: &Recipe) -> anyhow::Result<Overload> {
    let _service = recipe.start()?;
    let closed = ["--concurrency", "8", "--duration", &lab.seconds(10)];
    let saturation = number(&ask(lab, recipe, &closed)?["requests_per_second"]);
    let mut loads: Vec<(f64, Vec<Value>)> = LOADS.iter().map(|load| (*load, Vec::new())).collect();
    for _ in 0..if lab.is_quick() { 1 } else { ROUNDS } {
        for (load, rounds) in &mut loads {
            let rate = format!("{:.1}", (saturation * *load).max(1.0));
            let seconds = lab.seconds(10);
            let open = ["--rate", &rate, "--arrivals", "poisson", "--duration", &seconds];
            // Callers who wait don't keep others from asking.
            let callers = ["--connections", "4096", "--timeout", "10s"];
            rounds.push(ask(lab, recipe, &[&open[..], &callers].concat())?);
        }
    }
    Ok(Overload { name, saturation, loads })
}
