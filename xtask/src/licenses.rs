//! Licenses and sources of all packages, as `deny.toml` allows them. `cargo deny check`, which reads the same file,
//! takes longer to build than all of this and also asks for advisories.

use std::fs;

use anyhow::{Context as _, ensure};
use spdx::{Expression, ParseMode};

use crate::cargo::{cargo, root};

/// Older packages have `/` for `OR`, and names of licenses that have others now.
const AS_OF_OLD: ParseMode =
    ParseMode { allow_slash_as_or_operator: true, allow_deprecated: true, ..ParseMode::STRICT };

/// Where Pilotlight runs.
const TARGETS: [&str; 3] =
    ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "wasm32-wasip2"];

/// Checks every package that any package of the workspace depends on where Pilotlight runs.
pub(crate) fn check() -> anyhow::Result<()> {
    let allowed = allowed()?;
    let mut tree = cargo(&["tree", "--locked", "--workspace", "--all-features"]);
    tree.args(TARGETS.iter().flat_map(|target| ["--target", target]));
    tree.args(["--edges", "normal,build,dev", "--prefix", "none", "--format", "{p}\t{l}\t"]);
    let output = tree.output().context("cannot run cargo tree")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let packages = String::from_utf8(output.stdout)?;
    let mut refused: Vec<_> = packages.lines().filter_map(|line| refusal(line, &allowed)).collect();
    refused.sort();
    refused.dedup();
    ensure!(refused.is_empty(), "deny.toml does not allow:\n{}", refused.join("\n"));
    Ok(())
}

/// The licenses that `deny.toml` allows.
fn allowed() -> anyhow::Result<Vec<String>> {
    let file = root().join("deny.toml");
    let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let table: toml::Table = text.parse().with_context(|| file.display().to_string())?;
    let allowed = table.get("licenses").and_then(|licenses| licenses.get("allow"));
    let allowed = allowed.and_then(|allowed| allowed.clone().try_into().ok());
    allowed.with_context(|| format!("{}: `licenses.allow` is no list", file.display()))
}

/// What is wrong with a package, of which `line` tells the name, the version and, unless it is a package of the
/// registry, the source; then the license.
fn refusal(line: &str, allowed: &[String]) -> Option<String> {
    let mut columns = line.split('\t');
    let (package, license) = (columns.next()?, columns.next()?);
    let source = package.split_once(" (").map_or("", |(_, source)| source);
    let is_ours = source.starts_with(&root().display().to_string());
    if !is_ours && !matches!(source, "" | "proc-macro)") {
        return Some(format!("{package}: it is not of the registry"));
    }
    if !is_allowed(license, allowed) {
        return Some(format!("{package}: its license is {license:?}"));
    }
    None
}

/// Whether a license expression (SPDX) holds for the allowed licenses.
fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    let expression = Expression::parse_mode(expression, AS_OF_OLD);
    expression.is_ok_and(|expression| {
        expression.evaluate(|license| allowed.contains(&license.to_string()))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::{is_allowed, refusal};
    use crate::cargo::root;

    fn allowed() -> Vec<String> {
        ["MIT", "ISC", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).to_vec()
    }

    #[test]
    fn expressions_hold_for_allowed_licenses() {
        for expression in [
            "MIT",
            "MIT OR GPL-3.0",
            "GPL-3.0/MIT",
            "ISC AND (GPL-3.0 OR MIT)",
            "GPL-3.0 OR MIT AND ISC",
            "Apache-2.0 WITH LLVM-exception",
        ] {
            assert!(is_allowed(expression, &allowed()), "{expression}");
        }
    }

    #[test]
    fn other_licenses_and_malformed_expressions_are_refused() {
        for expression in [
            "",
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "(MIT OR ISC) AND GPL-3.0",
            "MIT WITH LLVM-exception",
            "MIT OR",
            "OR MIT",
            "(MIT",
            "MIT)",
            "MIT ISC",
            "MIT WITH",
        ] {
            assert!(!is_allowed(expression, &allowed()), "{expression}");
        }
    }

    #[test]
    fn packages_come_from_the_registry_or_the_workspace() {
        let refused = |line: &str| refusal(line, &allowed());
        let ours = format!("a v0.1.0 ({}/crates/a)\tMIT\t (*)", root().display());
        for line in ["a v1.0.0\tMIT\t", "a v1.0.0 (proc-macro)\tMIT\t (*)", &ours] {
            assert_eq!(refused(line), None, "{line}");
        }
        for source in ["https://git.example/a#0123", "/elsewhere/a"] {
            let refused = refused(&format!("a v1.0.0 ({source})\tMIT\t")).unwrap();
            assert!(refused.ends_with("it is not of the registry"), "{refused}");
        }
        assert!(refused("a v1.0.0\t\t").is_some());
    }
}
