//! `wasmtime serve` with its own wasi-nn. The published executable supports OpenVINO only.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use xtask::cargo::{execute, root, target};
use xtask::peers;

use super::files::Precision;
use super::servers::HostServers;
use crate::compare::server::ServerSpec;
use crate::compare::servers::absolute;

pub(super) const PACKAGE: &str = "openvino==2026.4.1";
/// The graph's name in the component, and the name of its folder for Wasmtime.
const GRAPH: &str = "pii-ner";

/// `wasmtime serve` with a fresh instance for each request, and with reused instances. Empty if a
/// package cannot be installed.
pub(super) fn specs(servers: &HostServers) -> anyhow::Result<Vec<ServerSpec>> {
    let python = Path::new(&servers.python);
    let wasmtime = peers::wasmtime()?;
    let (Some(wasmtime), Ok(())) = (wasmtime, peers::install(python, &[PACKAGE])) else {
        eprintln!("skipped: Wasmtime's own wasi-nn ({PACKAGE} or Wasmtime cannot be installed)");
        return Ok(Vec::new());
    };
    let folder = target().join("compare/wasmtime");
    let (graph, libraries) = (folder.join(GRAPH), folder.join("libraries"));
    let mut convert = Command::new(python);
    convert.arg(root().join("benchmarks/python/openvino_graph.py"));
    convert.arg(servers.files.graph(Precision::F32));
    execute(convert.arg(&graph).arg(&libraries)).context("converting the graph for OpenVINO")?;
    let component = absolute(servers.files.component(Precision::F32));
    let compiled = absolute(folder) + "/component.wasmtime";
    let mut compile = Command::new(&wasmtime);
    compile.args(["compile", "-Wcomponent-model-async", "-o", &compiled, &component]);
    execute(&mut compile)?;
    let path = format!("LD_LIBRARY_PATH={}", absolute(libraries));
    let named = format!("nn-graph=openvino::{}", absolute(graph));
    let (program, nn) = (absolute(wasmtime), ["-Sp3,cli,nn", "-S", &*named]);
    let serve = ["env", &*path, &*program, "serve", "-Wcomponent-model-async"];
    let listen = ["--allow-precompiled", &*compiled, "--addr", "127.0.0.1:PORT"];
    let spec =
        |name, more: &[&str]| ServerSpec::new(name, &[&serve[..], &nn, more, &listen].concat());
    Ok(vec![
        spec("wasmtime, fresh instances", &["--max-instance-reuse-count", "1"])?,
        spec("wasmtime, reused instances", &[])?,
    ])
}
