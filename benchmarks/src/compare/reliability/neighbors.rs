//! Latency while other programs use all cores.

use std::process::{Child, Command, Stdio};

use super::body;
use crate::compare::runner::{Run, Runner};
use crate::compare::servers::Servers;

/// The results with one kind of request, on a quiet or on a busy machine.
pub(super) struct Neighbors {
    pub(super) requests: &'static str,
    pub(super) machine: &'static str,
    pub(super) busy: bool,
    /// The name of the plot.
    pub(super) plot: &'static str,
    pub(super) run: Run,
}

/// Computes until the process `$1` has ended: a killed benchmark must not leave busy programs behind.
const ENDLESS: &str =
    "while kill -0 $1; do i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done; done";

/// Programs that compute endlessly at normal priority, one per core; killed on drop.
struct CpuBound(Vec<Child>);

impl CpuBound {
    fn start() -> anyhow::Result<Self> {
        let mut all = Self(Vec::new());
        let parent = std::process::id().to_string();
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            let mut shell = Command::new("sh");
            shell.args(["-c", ENDLESS, "sh", &parent]).stdin(Stdio::null());
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

/// Measures `wasmtime serve` and Pilotlight, both with a fresh instance for each request, on a quiet
/// machine and with one CPU-bound program per core.
pub(super) fn run(runner: &Runner) -> anyhow::Result<Vec<Neighbors>> {
    let servers = Servers::install()?;
    let body = body();
    let (info, inference) = ("GET /info, without inference", "inference, 43 tokens");
    let (quiet, busy) = ("quiet", "one CPU-bound program per core");
    let cases = [
        (info, quiet, false, "neighbors-info-quiet"),
        (info, busy, true, "neighbors-info-busy"),
        (inference, quiet, false, "neighbors-inference-quiet"),
        (inference, busy, true, "neighbors-inference-busy"),
    ];
    let mut results = Vec::new();
    for (requests, machine, is_busy, plot) in cases {
        let path = if requests == info { "/info" } else { "/" };
        let targets = [(servers.wasmtime()?, path), (servers.pilotlight()?, path)];
        let (seconds, rounds) = (runner.seconds(20), if runner.is_quick() { "2" } else { "8" });
        let mut arguments = vec!["--duration", &seconds, "--rounds", rounds];
        if requests == inference {
            arguments.extend(["--body", &body]);
        }
        let neighbors = if is_busy { Some(CpuBound::start()?) } else { None };
        let run = runner.compare(plot, &targets, &arguments)?;
        drop(neighbors);
        results.push(Neighbors { requests, machine, busy: is_busy, plot, run });
    }
    Ok(results)
}
