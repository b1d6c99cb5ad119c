//! The libraries that a program is linked with.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

/// The files that the dynamic linker of this machine would load for `program`, itself included, sorted; none for
/// programs that are linked statically.
pub(super) fn of(program: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !program.is_file() {
        bail!("{} is not a file; build the program first", program.display());
    }
    let output = Command::new("ldd").arg(program).output();
    let output = output.context("cannot run ldd, which tells the libraries of a program")?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        if is_static(&said) || is_static(&error) {
            return Ok(Vec::new());
        }
        bail!("ldd {}: {}", program.display(), error.trim());
    }
    parse(&said)
}

fn is_static(said: &str) -> bool {
    said.contains("not a dynamic executable") || said.contains("statically linked")
}

/// Reads lines such as `libm.so.6 => /lib/libm.so.6 (0x7f…)` and `/lib64/ld-linux-x86-64.so.2 (0x7f…)`; those
/// without a file, such as `linux-vdso.so.1`, are of the kernel.
fn parse(said: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut libraries = Vec::new();
    for line in said.lines().map(str::trim) {
        let (name, file) = line.split_once(" => ").unwrap_or(("", line));
        if file.starts_with("not found") {
            bail!("{name}: the library is not on this machine");
        }
        let file = file.split(" (").next().unwrap_or_default();
        libraries.extend(file.starts_with('/').then(|| PathBuf::from(file)));
    }
    libraries.sort();
    libraries.dedup();
    Ok(libraries)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn files_are_taken_from_what_ldd_says() {
        let said = "\tlinux-vdso.so.1 (0x00007ffe)\n\
                    \tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f1)\n\
                    \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f2)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x00007f3)\n";
        let expected = [
            "/lib/x86_64-linux-gnu/libc.so.6",
            "/lib/x86_64-linux-gnu/libm.so.6",
            "/lib64/ld-linux-x86-64.so.2",
        ];
        assert_eq!(parse(said).unwrap(), expected.map(PathBuf::from));
        assert!(parse("\tstatically linked\n").unwrap().is_empty());
    }

    #[test]
    fn a_library_that_is_missing_is_named() {
        let error = parse("\tlibx.so.1 => not found\n").unwrap_err();
        assert!(error.to_string().contains("libx.so.1"), "{error}");
    }
}
