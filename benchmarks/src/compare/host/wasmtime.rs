//! `wasmtime serve` with its own wasi-nn. The published program has it with OpenVINO only.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use xtask::cargo::{execute, root, target};
use xtask::peers;

use super::contenders::Contenders;
use super::files::Precision;
use crate::compare::line_up::text;
use crate::compare::service::Recipe;

pub(super) const PACKAGE: &str = "openvino==2026.4.1";
/// What the component calls its graph, and Wasmtime the folder that it is in.
const GRAPH: &str = "pii-ner";

/// With a fresh instance for each request, and with instances that answer several; nothing, said
/// aloud, where a package does not install.
pub(super) fn recipes(contenders: &Contenders) -> anyhow::Result<Vec<Recipe>> {
    let python = Path::new(&contenders.python);
    let wasmtime = peers::wasmtime()?;
    let (Some(wasmtime), Ok(())) = (wasmtime, peers::install(python, &[PACKAGE])) else {
        eprintln!("skipped: Wasmtime's own wasi-nn ({PACKAGE} or Wasmtime did not install)");
        return Ok(Vec::new());
    };
    let folder = target().join("compare/wasmtime");
    let (graph, libraries) = (folder.join(GRAPH), folder.join("libraries"));
    let mut convert = Command::new(python);
    convert.arg(root().join("tests/load/openvino_graph.py"));
    convert.arg(contenders.files.graph(Precision::F32));
    execute(convert.arg(&graph).arg(&libraries)).context("converting the graph for OpenVINO")?;
    let component = text(contenders.files.component(Precision::F32));
    let compiled = text(folder) + "/component.wasmtime";
    let mut compile = Command::new(&wasmtime);
    compile.args(["compile", "-Wcomponent-model-async", "-o", &compiled, &component]);
    execute(&mut compile)?;
    let path = format!("LD_LIBRARY_PATH={}", text(libraries));
    let named = format!("nn-graph=openvino::{}", text(graph));
    let (program, nn) = (text(wasmtime), ["-Sp3,cli,nn", "-S", &*named]);
    let serve = ["env", &*path, &*program, "serve", "-Wcomponent-model-async"];
    let listen = ["--allow-precompiled", &*compiled, "--addr", "127.0.0.1:PORT"];
    let recipe =
        |name, more: &[&str]| Recipe::new(name, &[&serve[..], &nn, more, &listen].concat());
    Ok(vec![
        recipe("wasmtime, fresh instances", &["--max-instance-reuse-count", "1"])?,
        recipe("wasmtime, instances reused", &[])?,
    ])
}
