//! The committed counts that new counts are compared with.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, from_value, json};
use xtask::cargo::root;

/// Counts by the name of what is counted.
pub(super) type Counts = BTreeMap<String, u64>;

/// The tolerated growth of a count, in percent.
const TOLERANCE: u32 = 2;

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

    /// The same without counts that cannot be made here.
    pub(super) fn without<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        for name in names {
            self.counts.remove(name);
        }
        self
    }

    /// Prints a comparison with `baseline`.
    ///
    /// # Errors
    /// If a count has grown, is new or has vanished, or if the compiler is another.
    pub(super) fn compare(&self, baseline: &Self) -> anyhow::Result<()> {
        if self.rustc != baseline.rustc {
            bail!(
                "the baseline is for {}, not {}; record it with `cargo xtask instructions --save`",
                baseline.rustc,
                self.rustc
            );
        }
        for (name, count) in &self.counts {
            match baseline.counts.get(name) {
                Some(before) => {
                    println!("{name}: {count} ({:+.2} %)", growth(*before, *count) * 100.0)
                }
                None => println!("{name}: {count}"),
            }
        }
        let differences = differences(&baseline.counts, &self.counts);
        ensure!(
            differences.is_empty(),
            "{}; if that is intended, record it with `cargo xtask instructions --save`",
            differences.join("; ")
        );
        Ok(())
    }
}

/// How much larger a count is, relative to `before`.
fn growth(before: u64, count: u64) -> f64 {
    count as f64 / before as f64 - 1.0
}

/// Whether a count has grown by more than the tolerance.
fn has_grown(before: u64, count: u64) -> bool {
    u128::from(count) * 100 > u128::from(before) * u128::from(100 + TOLERANCE)
}

/// What is not as in the baseline, a phrase each. Counts that have become smaller are.
fn differences(baseline: &Counts, counts: &Counts) -> Vec<String> {
    let mut differences = Vec::new();
    for (name, count) in counts {
        match baseline.get(name) {
            None => differences.push(format!("{name} is not in the baseline")),
            Some(before) if has_grown(*before, *count) => {
                differences.push(format!("{name} is more than {TOLERANCE} % above the baseline"));
            }
            Some(_) => {}
        }
    }
    let vanished = baseline.keys().filter(|name| !counts.contains_key(*name));
    differences
        .extend(vanished.map(|name| format!("{name} is in the baseline, but was not counted")));
    differences
}

fn file() -> PathBuf {
    root().join("benchmarks/instructions.json")
}

#[cfg(test)]
mod tests {
    use super::{Baseline, Counts, differences};

    fn counts(counts: &[(&str, u64)]) -> Counts {
        counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    fn compared(count: u64) -> Vec<String> {
        differences(&counts(&[("a", 1000)]), &counts(&[("a", count)]))
    }

    #[test]
    fn growth_by_more_than_two_percent_is_an_error() {
        for count in [1, 999, 1000, 1020] {
            assert!(compared(count).is_empty(), "{count}");
        }
        for count in [1021, 2000] {
            assert_eq!(compared(count), ["a is more than 2 % above the baseline"], "{count}");
        }
    }

    #[test]
    fn new_and_vanished_counts_are_errors() {
        let found = differences(&counts(&[("a", 1), ("old", 1)]), &counts(&[("a", 1), ("new", 1)]));
        let wanted = ["new is not in the baseline", "old is in the baseline, but was not counted"];
        assert_eq!(found, wanted);
    }

    #[test]
    fn counts_that_cannot_be_made_here_are_not_missed() {
        let baseline = |names: &[(&str, u64)]| Baseline {
            rustc: "rustc 1".to_owned(),
            valgrind: None,
            counts: counts(names),
        };
        let whole = || baseline(&[("fuel", 1), ("native", 1)]);
        let fuel = baseline(&[("fuel", 1)]);
        assert!(fuel.compare(&whole().without(["native"])).is_ok());
        assert!(fuel.compare(&whole()).is_err());
        let other = Baseline { rustc: "rustc 2".to_owned(), ..whole() };
        assert!(whole().compare(&other).is_err());
    }
}
