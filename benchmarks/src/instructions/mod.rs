//! `cargo xtask instructions`: instruction counts, which do not depend on other load of the machine.
//!
//! Valgrind's callgrind counts native code, and Wasmtime's fuel counts WebAssembly instructions of the
//! guest. Callgrind emulates a processor of its own, so the counts are equal on all x86-64
//! processors with AVX2.

mod baseline;
mod callgrind;
mod fuel;

use anyhow::bail;
use xtask::ci::is_ci;

use baseline::Baseline;

/// Counts, and compares with the baseline, or replaces the baseline if `arguments` are `--save`.
///
/// # Errors
/// If a count is more than 2 % above the baseline or missing, if a program fails, or if Valgrind is missing in
/// CI.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let save = match arguments {
        [] => false,
        [flag] if flag == "--save" => true,
        _ => bail!("usage: cargo xtask instructions [--save]"),
    };
    if !cfg!(target_arch = "x86_64") {
        eprintln!("skipped: the baseline of instruction counts is for x86-64");
        return Ok(());
    }
    let mut counts = fuel::counts()?;
    let valgrind = callgrind::version()?;
    match &valgrind {
        Some(_) => counts.extend(callgrind::counts()?),
        None if is_ci() => {
            bail!("valgrind is not installed; CI counts instructions of native code")
        }
        None => eprintln!("skipped: instruction counts of native code (valgrind is not installed)"),
    }
    let counts_native = valgrind.is_some();
    let current = Baseline::new(valgrind, counts)?;
    if save {
        return current.save();
    }
    let baseline = Baseline::load()?;
    let baseline = if counts_native { baseline } else { baseline.without(callgrind::names()) };
    current.compare(&baseline)
}
