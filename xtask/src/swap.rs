use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::cargo::target;

/// Swap space for the tests that look at pages that were swapped out; removed when dropped.
pub(crate) struct Swap(PathBuf);

impl Swap {
    /// Adds some where there is none and this user may; says so where it cannot.
    pub(crate) fn add() -> Option<Self> {
        let listed = std::fs::read_to_string("/proc/swaps").unwrap_or_default();
        if listed.lines().count() > 1 {
            return None;
        }
        let file = target().join("tests.swap");
        let path = file.display().to_string();
        let steps = [
            vec!["fallocate", "--length", "64MiB", &*path],
            vec!["chmod", "600", &*path],
            vec!["mkswap", &*path],
            vec!["swapon", &*path],
        ];
        let swap = Self(file);
        if steps.iter().all(|step| quiet(step)) {
            return Some(swap);
        }
        eprintln!("skipped: no swap and no right to add some; swapped-out pages are not tested");
        None
    }
}

fn quiet(words: &[&str]) -> bool {
    let [program, arguments @ ..] = words else { return false };
    let mut command = Command::new(program);
    let status = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

impl Drop for Swap {
    fn drop(&mut self) {
        quiet(&["swapoff", &self.0.display().to_string()]);
        let _ = std::fs::remove_file(&self.0);
    }
}
