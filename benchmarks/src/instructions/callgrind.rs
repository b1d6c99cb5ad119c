//! Instruction counts of native programs by Valgrind's callgrind.

use std::process::Command;

use anyhow::{Context as _, ensure};
use xtask::cargo::target;

use super::baseline::Counts;

/// Examples that call a function `measured`, and the names of their counts.
const PROGRAMS: [(&str, &str); 3] = [
    ("count_request", "host: request without an instance"),
    ("count_tokenization", "guest: tokenization, native"),
    ("count_product", "kernels: int4 product, AVX2"),
];

/// The C library copies memory with the instructions that every x86-64 processor has, so that counts do
/// not depend on the machine.
const BASELINE_PROCESSOR: &str = "glibc.cpu.hwcaps=-AVX2,-AVX,-ERMS,-FSRM,-AVX512F,-AVX512VL";

/// The version of Valgrind; none if it is not installed.
pub(super) fn version() -> anyhow::Result<Option<String>> {
    let Ok(output) = Command::new("valgrind").arg("--version").output() else { return Ok(None) };
    Ok(Some(String::from_utf8(output.stdout)?.trim().to_owned()))
}

/// The names of the counts.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    PROGRAMS.into_iter().map(|(_, name)| name)
}

/// The instructions of `measured` in each program.
pub(super) fn counts() -> anyhow::Result<Counts> {
    let count = |(program, name): (&str, &str)| Ok((name.to_owned(), count(program)?));
    PROGRAMS.into_iter().map(count).collect()
}

fn count(program: &str) -> anyhow::Result<u64> {
    let file = target().join("release/examples").join(program);
    let report = target().join(format!("{program}.callgrind"));
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--quiet"]);
    valgrind.arg(format!("--toggle-collect={program}::measured"));
    valgrind.arg(format!("--callgrind-out-file={}", report.display())).arg(&file);
    // Variables of the user must not change what the programs do.
    valgrind
        .env_clear()
        .env("GLIBC_TUNABLES", BASELINE_PROCESSOR)
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    let output = valgrind.output().context("cannot run valgrind")?;
    let message = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {message}", file.display());
    let text = std::fs::read_to_string(&report).with_context(|| report.display().to_string())?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    let total: u64 = total.and_then(|total| total.trim().parse().ok()).unwrap_or(0);
    ensure!(total > 0, "{}: callgrind did not see the function `measured`", file.display());
    Ok(total)
}
