//! The resources of a process over time.

use std::fmt;
use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::bail;

/// Tolerated growth: pools follow the load, and the allocator keeps freed memory.
const TOLERATED_SHARE: f64 = 0.1;
const TOLERATED_MIB: f64 = 16.0;
const TOLERATED_COUNT: f64 = 16.0;

/// Samples of a process, one per second.
#[derive(Default)]
pub(super) struct Memory(Mutex<Vec<Sample>>);

#[derive(Clone, Copy)]
struct Sample {
    /// Resident memory in MiB.
    resident: f64,
    /// The part of it that is not mapped from files: those pages depend on the page cache.
    anonymous: f64,
    threads: f64,
    files: f64,
}

impl Memory {
    fn samples(&self) -> MutexGuard<'_, Vec<Sample>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the current resources of a process.
    pub(super) fn sample(&self, process: u32) -> anyhow::Result<()> {
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
            number.unwrap_or(f64::NAN)
        };
        let files = fs::read_dir(format!("/proc/{process}/fd"))?.count() as f64;
        let [resident, anonymous] = ["VmRSS:", "RssAnon:"].map(|name| number(name) / 1024.0);
        self.samples().push(Sample { resident, anonymous, threads: number("Threads:"), files });
        Ok(())
    }

    /// Fails if the medians of the second half exceed those of the first half.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let [first, last] = self.halves();
        let grows = |first: f64, last: f64, tolerated: f64| {
            last > first * (1.0 + TOLERATED_SHARE) + tolerated
        };
        if grows(first.anonymous, last.anonymous, TOLERATED_MIB)
            || grows(first.threads, last.threads, TOLERATED_COUNT)
            || grows(first.files, last.files, TOLERATED_COUNT)
        {
            bail!("the server grew: {self}");
        }
        Ok(())
    }

    /// The medians of the first and of the second half.
    pub(super) fn rows(&self) -> [(&'static str, f64, f64); 4] {
        let [first, last] = self.halves();
        [
            ("anonymous memory, MiB", first.anonymous, last.anonymous),
            ("resident memory, MiB", first.resident, last.resident),
            ("threads", first.threads, last.threads),
            ("open files", first.files, last.files),
        ]
    }

    fn halves(&self) -> [Sample; 2] {
        let samples = self.samples();
        let (first, last) = samples.split_at(samples.len() / 2);
        [first, last].map(|samples| Sample {
            anonymous: median(samples.iter().map(|sample| sample.anonymous)),
            resident: median(samples.iter().map(|sample| sample.resident)),
            threads: median(samples.iter().map(|sample| sample.threads)),
            files: median(samples.iter().map(|sample| sample.files)),
        })
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, first, last) in self.rows() {
            write!(f, "{name} {first:.1} -> {last:.1}; ")?;
        }
        Ok(())
    }
}
