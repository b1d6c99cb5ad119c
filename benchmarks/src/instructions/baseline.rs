//! The committed counts that new counts are compared with.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, from_value, json};
use xtask::cargo::root;

use super::Counts;

/// The tolerated growth of a count.
const TOLERANCE: f64 = 0.02;

/// Counts, and the versions that they depend on.
pub(super) struct Baseline {
    rustc: String,
    /// None if the counts do not include native code.
    valgrind: Option<String>,
    counts: Counts,
}

impl Baseline {
    pub(super) fn new(valgrind: Option<String>, counts: Counts) -> anyhow::Result<Self> {
        let output = Command::new("rustc").arg("--version").current_dir(root()).output()?;
        let rustc = String::from_utf8(output.stdout)?.trim().to_owned();
        Ok(Self { rustc, valgrind, counts })
    }

    pub(super) fn load() -> anyhow::Result<Self> {
        let file = file();
        let text = std::fs::read(&file).with_context(|| file.display().to_string())?;
        let parse = || -> serde_json::Result<Self> {
            let mut value: Value = serde_json::from_slice(&text)?;
            Ok(Self {
                rustc: from_value(value["rustc"].take())?,
                valgrind: from_value(value["valgrind"].take())?,
                counts: from_value(value["counts"].take())?,
            })
        };
        parse().with_context(|| file.display().to_string())
    }

    pub(super) fn save(&self) -> anyhow::Result<()> {
        ensure!(self.valgrind.is_some(), "install valgrind to record a complete baseline");
        let Self { rustc, valgrind, counts } = self;
        let value = json!({"rustc": rustc, "valgrind": valgrind, "counts": counts});
        let file = file();
        let text = serde_json::to_string_pretty(&value)? + "\n";
        std::fs::write(&file, text).with_context(|| file.display().to_string())?;
        println!("written: {}", file.display());
        Ok(())
    }

    /// Prints a comparison with `baseline`; fails if a count has grown.
    pub(super) fn compare(&self, baseline: &Self) -> anyhow::Result<()> {
        if self.rustc != baseline.rustc {
            bail!(
                "the baseline is for {}, not {}; record it with `cargo xtask instructions --save`",
                baseline.rustc,
                self.rustc
            );
        }
        let mut grown = Vec::new();
        for (name, count) in &self.counts {
            let Some(before) = baseline.counts.get(name) else {
                bail!(
                    "{name} is not in the baseline; record it with `cargo xtask instructions --save`"
                );
            };
            let growth = *count as f64 / *before as f64 - 1.0;
            println!("{name}: {count} ({:+.2} %)", growth * 100.0);
            if growth > TOLERANCE {
                grown.push(name.as_str());
            }
        }
        ensure!(
            grown.is_empty(),
            "more than {:.0} % above the baseline: {}; if the growth is intended, record it with \
             `cargo xtask instructions --save`",
            TOLERANCE * 100.0,
            grown.join("; ")
        );
        Ok(())
    }
}

fn file() -> PathBuf {
    root().join("benchmarks/instructions.json")
}
