//! ONNX Runtime called directly from Rust, the upper limit of servers.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use xtask::cargo::{cargo, execute, target};

use super::files::Texts;
use crate::compare::markdown::{mib, ms};
use crate::compare::report::number;

/// Threads and batch size of direct calls.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::compare) struct Setting {
    pub(in crate::compare) callers: usize,
    pub(in crate::compare) threads: usize,
    pub(in crate::compare) batch: usize,
}

/// The result with one setting.
pub(in crate::compare) struct Outcome {
    pub(in crate::compare) setting: Setting,
    /// Texts per second.
    pub(in crate::compare) per_second: f64,
    /// Latency of a batch in milliseconds.
    pub(in crate::compare) p50: f64,
    pub(in crate::compare) p99: f64,
    /// Resident memory in MiB.
    pub(in crate::compare) rss: f64,
}

impl Outcome {
    /// Headings of the columns of [`Self::cells`].
    pub(in crate::compare) const COLUMNS: [&str; 7] =
        ["sessions", "threads per session", "batch", "texts/s", "p50", "p99", "RSS"];

    /// A table row.
    pub(in crate::compare) fn cells(&self) -> Vec<String> {
        let Setting { callers, threads, batch } = self.setting;
        let mut cells = [callers, threads, batch].map(|number| number.to_string()).to_vec();
        cells.push(format!("{:.1}", self.per_second));
        cells.extend([self.p50, self.p99].map(ms));
        cells.push(mib(self.rss));
        cells
    }
}

/// The program that calls ONNX Runtime.
#[derive(Clone)]
pub(in crate::compare) struct Direct {
    program: PathBuf,
    library: PathBuf,
    seconds: u32,
}

impl Direct {
    /// Builds the program. A run takes `seconds`.
    pub(in crate::compare) fn build(library: PathBuf, seconds: u32) -> anyhow::Result<Self> {
        let package = ["--package", "pilotlight-inference", "--example", "direct"];
        execute(cargo(&["build", "--locked", "--release"]).args(package))?;
        let program = target().join("release/examples/direct");
        Ok(Self { program, library, seconds })
    }

    /// The same program, whose runs take `seconds`.
    pub(super) fn lasting(&self, seconds: u32) -> Self {
        Self { seconds, ..self.clone() }
    }

    /// Computes `texts` repeatedly with one setting.
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
        let output = command.output().context("cannot run the program that calls ONNX Runtime")?;
        let message = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "ONNX Runtime failed: {message}");
        let report: Value = serde_json::from_slice(&output.stdout)?;
        Ok(Outcome {
            setting,
            per_second: number(&report["per_second"]),
            p50: number(&report["p50_ms"]),
            p99: number(&report["p99_ms"]),
            rss: number(&report["rss_bytes"]) / 1_048_576.0,
        })
    }

    /// Runs all settings that make sense on this machine. Returns the fastest first.
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

/// Settings that distribute the cores over callers and over the threads of a call.
fn settings() -> Vec<Setting> {
    let cores = cores();
    let mut distributions = vec![(cores, 1), (1, cores)];
    if cores > 3 {
        distributions.push((cores / 2, 2));
    }
    distributions.dedup();
    let batches = [1, 4, 8];
    let setting = |(callers, threads)| batches.map(|batch| Setting { callers, threads, batch });
    distributions.into_iter().flat_map(setting).collect()
}
