//! Latency beside other programs that use all cores.

use std::process::{Child, Command, Stdio};

use super::body;
use crate::compare::lab::{Lab, Run};
use crate::compare::line_up::LineUp;

/// What was requested, and what else ran on the machine.
pub(super) struct Neighbors {
    pub(super) requests: &'static str,
    pub(super) machine: &'static str,
    pub(super) busy: bool,
    /// The name of the plot.
    pub(super) plot: &'static str,
    pub(super) run: Run,
}

/// Programs that compute for ever at the usual priority, one for each core; killed when dropped.
struct CpuBound(Vec<Child>);

impl CpuBound {
    fn start() -> anyhow::Result<Self> {
        let mut all = Self(Vec::new());
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            let mut shell = Command::new("sh");
            shell.args(["-c", "while :; do :; done"]).stdin(Stdio::null());
            all.0.push(shell.spawn()?);
        }
        Ok(all)
    }
}

impl Drop for CpuBound {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// `wasmtime serve` and Pilotlight, each with a fresh instance for each request, on a quiet machine
/// and beside one CPU-bound program per core.
pub(super) fn run(lab: &Lab) -> anyhow::Result<Vec<Neighbors>> {
    let line_up = LineUp::install()?;
    let body = body();
    let (info, inference) = ("GET /info, without inference", "inference, 43 tokens");
    let (quiet, busy) = ("quiet", "one CPU-bound program per core");
    let cases = [
        (info, quiet, false, "neighbors-info-quiet"),
        (info, busy, true, "neighbors-info-busy"),
        (inference, quiet, false, "neighbors-inference-quiet"),
        (inference, busy, true, "neighbors-inference-busy"),
    ];
    let mut found = Vec::new();
    for (requests, machine, is_busy, plot) in cases {
        let path = if requests == info { "/info" } else { "/" };
        let targets = [(line_up.wasmtime()?, path), (line_up.pilotlight()?, path)];
        let (seconds, rounds) = (lab.seconds(20), if lab.is_quick() { "2" } else { "8" });
        let mut arguments = vec!["--duration", &seconds, "--rounds", rounds];
        if requests == inference {
            arguments.extend(["--body", &body]);
        }
        let neighbors = if is_busy { Some(CpuBound::start()?) } else { None };
        let run = lab.compare(plot, &targets, &arguments)?;
        drop(neighbors);
        found.push(Neighbors { requests, machine, busy: is_busy, plot, run });
    }
    Ok(found)
}
