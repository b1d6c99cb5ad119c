//! `cargo xtask compare scaling`: what instances, models, versions and nodes cost, response times beside
//! queueing theory, and fleets in simulation.

mod costs;
mod fleets;
mod node;
mod page;
mod published;
mod servers;

use anyhow::Context as _;
use serde_json::json;
use xtask::build;
use xtask::cargo::target;

use super::runner::{Runner, TEXT};
use crate::second_version;

/// All results.
struct Results {
    costs: costs::Costs,
    node: node::Measured,
    predictions: Vec<node::Prediction>,
    fleets: fleets::Fleets,
}

/// Measures and simulates; returns the text of `docs/scaling.md`.
pub(super) fn run(runner: &Runner) -> anyhow::Result<String> {
    build::component()?;
    let folder = target().join("compare/scaling");
    let second = second_version::build(&folder)?;
    let servers = servers::Servers::new(&folder, &build::component_file(), &second)?;
    let costs = costs::measure(runner, &servers)?;
    let node = node::measure(runner, &servers)?;
    let predictions = node::predict(&node, runner)?;
    node::draw(&node, &predictions, runner)?;
    let fleets = fleets::simulate_all(&node, &costs, runner)?;
    Ok(page::write(&Results { costs, node, predictions, fleets }, runner))
}

/// The body of a request for inference.
fn body() -> String {
    json!({"inputs": TEXT}).to_string()
}

/// The cores of this machine.
fn cores() -> anyhow::Result<usize> {
    let cores = std::thread::available_parallelism();
    Ok(cores.context("the number of cores is unknown")?.get())
}
