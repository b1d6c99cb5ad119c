//! Whether a process grows.

use std::fmt;
use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::bail;

/// Growth that is none: pools follow the load, and the allocator keeps some of what it had.
const TOLERATED_SHARE: f64 = 0.1;
const TOLERATED_MIB: f64 = 16.0;
const TOLERATED_COUNT: f64 = 16.0;

/// What was seen of a process, second by second.
#[derive(Default)]
pub(super) struct Memory(Mutex<Vec<Look>>);

#[derive(Clone, Copy)]
struct Look {
    /// Resident, in MiB.
    resident: f64,
    /// What of it is no file's: machine code and models come and go with the page cache.
    anonymous: f64,
    threads: f64,
    files: f64,
}

impl Memory {
    fn looks(&self) -> MutexGuard<'_, Vec<Look>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn look(&self, process: u32) -> anyhow::Result<()> {
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
            number.unwrap_or(f64::NAN)
        };
        let files = fs::read_dir(format!("/proc/{process}/fd"))?.count() as f64;
        let [resident, anonymous] = ["VmRSS:", "RssAnon:"].map(|name| number(name) / 1024.0);
        self.looks().push(Look { resident, anonymous, threads: number("Threads:"), files });
        Ok(())
    }

    /// Compares the medians of the first and the second half.
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

    /// What was seen, the medians of the first and of the second half.
    pub(super) fn rows(&self) -> [(&'static str, f64, f64); 4] {
        let [first, last] = self.halves();
        [
            ("memory that is no file's, MiB", first.anonymous, last.anonymous),
            ("resident memory, MiB", first.resident, last.resident),
            ("threads", first.threads, last.threads),
            ("open files", first.files, last.files),
        ]
    }

    fn halves(&self) -> [Look; 2] {
        let looks = self.looks();
        let (first, last) = looks.split_at(looks.len() / 2);
        [first, last].map(|looks| Look {
            anonymous: median(looks.iter().map(|look| look.anonymous)),
            resident: median(looks.iter().map(|look| look.resident)),
            threads: median(looks.iter().map(|look| look.threads)),
            files: median(looks.iter().map(|look| look.files)),
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
