//! The tests of operators that the ONNX project carries in its Python package.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{environment, install};
use crate::cargo::{execute, target};
use crate::ci::or_skipped;

const PACKAGE: &str = "onnx==1.23.2";
/// The package's own tool writes tests of models; these are those of operators.
const SCRIPT: &str = "
import argparse, sys
from onnx.backend.test import cmd_tools
from onnx.backend.test.case import node
cases = node.collect_testcases(None)
cmd_tools.model_test.collect_testcases = lambda: cases
cmd_tools.generate_data(argparse.Namespace(output=sys.argv[1]))
";
/// Names the folder to tests.
pub(crate) const VARIABLE: &str = "PILOTLIGHT_ONNX_NODE_TESTS";

/// The folder: what the variable names, or one in the target folder. `None`, said aloud, when there
/// is no Python; an error in CI.
pub(crate) fn node_tests() -> anyhow::Result<Option<PathBuf>> {
    if let Some(path) = std::env::var_os(VARIABLE) {
        return Ok(Some(PathBuf::from(path)));
    }
    or_skipped("ONNX's tests of operators", generate())
}

/// The package has the tests as programs, which write models, inputs and outputs.
fn generate() -> anyhow::Result<PathBuf> {
    let peers = target().join("peers");
    let name = PACKAGE.replace("==", "-");
    let (folder, unfinished) = (peers.join(&name), peers.join(name + ".new"));
    if folder.is_dir() {
        return Ok(folder);
    }
    let python = environment()?;
    install(&python, &[PACKAGE])?;
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished)?;
    }
    execute(Command::new(&python).args(["-W", "ignore", "-c", SCRIPT]).arg(&unfinished))?;
    fs::rename(&unfinished, &folder)?;
    Ok(folder)
}
