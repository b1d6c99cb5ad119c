//! ONNX Runtime called directly from Rust: the limit.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use xtask::cargo::{cargo, execute, target};

use super::files::Texts;
use crate::compare::words::{ms, number};

/// How it is called.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::compare) struct Setting {
    pub(in crate::compare) callers: usize,
    pub(in crate::compare) threads: usize,
    pub(in crate::compare) batch: usize,
}

/// What a setting gave.
pub(in crate::compare) struct Outcome {
    pub(in crate::compare) setting: Setting,
    /// Texts a second.
    pub(in crate::compare) per_second: f64,
    /// Of a batch.
    pub(in crate::compare) p50: f64,
    pub(in crate::compare) p99: f64,
    /// Resident memory in MiB.
    pub(in crate::compare) rss: f64,
}

impl Outcome {
    /// A row of a table.
    pub(in crate::compare) fn cells(&self) -> Vec<String> {
        let Setting { callers, threads, batch } = self.setting;
        let mut cells = [callers, threads, batch].map(|number| number.to_string()).to_vec();
        cells.push(format!("{:.1}", self.per_second));
        cells.extend([self.p50, self.p99].map(ms));
        cells.push(format!("{:.0} MiB", self.rss));
        cells
    }
}

/// The program that calls.
#[derive(Clone)]
pub(in crate::compare) struct Direct {
    program: PathBuf,
    library: PathBuf,
    seconds: u32,
}

impl Direct {
    /// `seconds` is how long a run takes.
    pub(in crate::compare) fn build(library: PathBuf, seconds: u32) -> anyhow::Result<Self> {
        let package = ["--package", "pilotlight-inference", "--example", "direct"];
        execute(cargo(&["build", "--locked", "--release"]).args(package))?;
        let program = target().join("release/examples/direct");
        Ok(Self { program, library, seconds })
    }

    /// Calls `graph` with `texts` for a while.
    pub(in crate::compare) fn run(
        &self,
        graph: &Path,
        texts: &Texts,
        setting: Setting,
    ) -> anyhow::Result<Outcome> {
        let Setting { callers, threads, batch } = setting;
        let ids = if batch == 1 { &texts.ids } else { &texts.sorted };
        let mut command = Command::new(&self.program);
        command.env("ORT_DYLIB_PATH", &self.library).arg(graph).arg(ids);
        command.args(["--callers", &callers.to_string(), "--batch", &batch.to_string()]);
        command.args([
            "--threads-per-session",
            &threads.to_string(),
            "--seconds",
            &self.seconds.to_string(),
        ]);
        let output = command.output().context("cannot run the direct call")?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "the direct call failed: {complaint}");
        let found: Value = serde_json::from_slice(&output.stdout)?;
        Ok(Outcome {
            setting,
            per_second: number(&found["per_second"]),
            p50: number(&found["p50_ms"]),
            p99: number(&found["p99_ms"]),
            rss: number(&found["rss_bytes"]) / 1_048_576.0,
        })
    }

    /// All settings that make sense on this machine, the best one first.
    pub(super) fn tune(&self, graph: &Path, texts: &Texts) -> anyhow::Result<Vec<Outcome>> {
        let mut outcomes = settings()
            .into_iter()
            .map(|setting| self.run(graph, texts, setting))
            .collect::<anyhow::Result<Vec<_>>>()?;
        outcomes.sort_by(|one, two| two.per_second.total_cmp(&one.per_second));
        Ok(outcomes)
    }
}

pub(in crate::compare) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Cores spread over callers and over the threads of a call.
fn settings() -> Vec<Setting> {
    let cores = cores();
    let mut spreads = vec![(cores, 1), (1, cores)];
    if cores > 3 {
        spreads.push((cores / 2, 2));
    }
    spreads.dedup();
    let batches = [1, 4, 8];
    let setting = |(callers, threads)| batches.map(|batch| Setting { callers, threads, batch });
    spreads.into_iter().flat_map(setting).collect()
}
