//! `docs/scaling.md`.

mod costs;
mod fleets;
mod node;

use std::fmt::{Result, Write as _};

use super::Results;
use crate::compare::markdown::{ms, page, quick_note};
use crate::compare::runner::Runner;

pub(super) fn write(results: &Results, runner: &Runner) -> String {
    page(|page| page_text(page, results, runner))
}

fn page_text(page: &mut String, results: &Results, runner: &Runner) -> Result {
    let machine = &results.node.open.machine;
    writeln!(
        page,
        "# Scaling

`cargo xtask compare scaling` measures what instances, models, versions and nodes cost, compares the response times of one node with
queueing theory, simulates fleets of such nodes, and writes this page. The default model computes in the sandbox; each request contains
a text of 43 tokens. The machine: {} cores, {}, {}, Linux {}. The load generator runs on the same cores.
",
        machine.cores, machine.cpu, machine.os, machine.kernel
    )?;
    writeln!(
        page,
        "- [Costs](#costs): memory, disk space, starts\n\
         - [One node](#one-node): response times by utilization, measured and predicted\n\
         - [Fleets](#fleets): 10 to 10,000 nodes in simulation, beside published start times of AWS Lambda and Knative"
    )?;
    quick_note(page, runner.is_quick())?;
    costs::write(page, results)?;
    node::write(page, results)?;
    fleets::write(page, results)
}

/// A time in seconds with a suitable unit.
fn time(seconds: f64) -> String {
    if seconds < 1.0 { ms(seconds * 1e3) } else { format!("{seconds:.2} s") }
}
