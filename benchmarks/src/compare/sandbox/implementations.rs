//! The implementations of inference: components in two hosts, and programs that call a runtime.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use xtask::build::{GUEST_PROFILE, GUEST_TARGET};
use xtask::cargo::{cargo, execute, target};

use super::reported_median;
use crate::compare::host::direct::{Direct, Setting};
use crate::compare::host::files::{Precision, Texts};
use crate::compare::host::servers::HostServers;
use crate::compare::report::median;
use crate::compare::server::Server;
use crate::compare::servers::{Servers, serve_component};
use crate::http;

/// The response header with the inference time in milliseconds.
const INFERENCE_TIME: &str = "x-inference-time";
/// One thread, as in a sandbox.
const ONE_THREAD: Setting = Setting { callers: 1, threads: 1, batch: 1 };

pub(super) struct Implementation<'a> {
    pub(super) name: &'static str,
    seconds: u32,
    kind: Kind<'a>,
}

enum Kind<'a> {
    /// A server that reports the time in a header.
    Served(Server),
    /// ONNX Runtime called from Rust with one thread.
    Direct(Direct, PathBuf),
    /// tract, natively.
    Native(PathBuf, PathBuf),
    /// tract in the sandbox.
    Sandboxed(&'a Sandbox, PathBuf),
}

/// All implementations, with started servers. The first one is the baseline.
pub(super) fn all<'a>(
    host_servers: &HostServers,
    servers: &Servers,
    sandbox: &'a Sandbox,
    seconds: u32,
) -> anyhow::Result<Vec<Implementation<'a>>> {
    let model = host_servers.files.model.join("model.onnx");
    let program = Direct::build(host_servers.library.clone(), seconds)?;
    let direct = |graph: PathBuf| Kind::Direct(program.clone(), graph);
    let built = |name, precision, hosts| {
        let component = host_servers.files.build_guest(precision, hosts)?;
        anyhow::Ok(Kind::Served(serve_component(name, component, &[])?.start()?))
    };
    let native = target().join("release/examples/infer");
    execute(cargo(&["build", "--locked", "--release"]).args(INFER))?;
    let named = |name, kind| Implementation { name, seconds, kind };
    Ok(vec![
        named("ONNX Runtime, f32", direct(host_servers.files.graph(Precision::F32))),
        named("ONNX Runtime, int8", direct(host_servers.files.graph(Precision::Int8))),
        named("ONNX Runtime, int4", direct(model.clone())),
        named("tract, f32", Kind::Native(native, model.clone())),
        named("**pilotlight, int4**", Kind::Served(servers.pilotlight()?.start()?)),
        named("wasmtime serve, int4", Kind::Served(servers.wasmtime_reused()?.start()?)),
        named(
            "pilotlight, int4, without relaxed SIMD",
            built("plain", "int4", "wasi-0.2-simd128")?,
        ),
        named("pilotlight, int8", built("pilotlight, int8", "int8", "wasi-0.3")?),
        named("pilotlight, f32", built("pilotlight, f32", "f32", "wasi-0.3")?),
        named("tract in the sandbox, f32", Kind::Sandboxed(sandbox, model)),
    ])
}

impl Implementation<'_> {
    /// The median time of an inference in milliseconds.
    pub(super) fn median(&self, texts: &Texts) -> anyhow::Result<f64> {
        let seconds = self.seconds.to_string();
        match &self.kind {
            Kind::Direct(direct, graph) => Ok(direct.run(graph, texts, ONE_THREAD)?.p50),
            Kind::Native(program, model) => {
                let mut command = Command::new(program);
                command.arg(model).arg(&texts.ids).args(["tract", &seconds]);
                Ok(reported_median(&report(&mut command)?))
            }
            Kind::Sandboxed(sandbox, model) => {
                Ok(reported_median(&sandbox.infer(model, &texts.ids, &["tract", &seconds])?))
            }
            Kind::Served(server) => self.request(server, &fs::read_to_string(&texts.bodies)?),
        }
    }

    fn request(&self, server: &Server, body: &str) -> anyhow::Result<f64> {
        let url = http::url(server.spec.port, "/");
        let request = ureq::http::Request::post(url).body(body.to_owned())?;
        let measure = || {
            let response = http::send_ok(&request)?;
            let time = response.headers.get(INFERENCE_TIME).and_then(|time| time.to_str().ok());
            let time = time.with_context(|| format!("the response has no {INFERENCE_TIME}"))?;
            time.parse::<f64>().with_context(|| format!("{INFERENCE_TIME}: {time}"))
        };
        // Caches may be cold at first.
        measure()?;
        measure()?;
        let (mut times, start) = (Vec::new(), Instant::now());
        while times.len() < 5 || start.elapsed() < Duration::from_secs(self.seconds.into()) {
            times.push(measure()?);
        }
        Ok(median(&times))
    }
}

const INFER: [&str; 4] = ["--package", "pilotlight-onnx", "--example", "infer"];
const PRODUCTS: [&str; 4] = ["--package", "pilotlight-kernels", "--example", "products"];

/// Programs compiled for the sandbox, and `wasmtime` to run them. They can be interrupted, like
/// components.
pub(super) struct Sandbox {
    wasmtime: PathBuf,
    infer: PathBuf,
    products: PathBuf,
}

impl Sandbox {
    pub(super) fn build(wasmtime: &str) -> anyhow::Result<Self> {
        let compiled = |example: [&str; 4]| {
            let profile = ["--profile", GUEST_PROFILE, "--target", GUEST_TARGET];
            execute(cargo(&["build", "--locked"]).args(profile).args(example))?;
            let folder = target().join(GUEST_TARGET).join(GUEST_PROFILE).join("examples");
            let program = folder.join(example[3]).with_extension("wasm");
            let compiled = program.with_extension("cwasm");
            let mut compile = Command::new(wasmtime);
            compile.args(["compile", "-Wepoch-interruption=y", "-o"]).arg(&compiled);
            execute(compile.arg(program))?;
            compiled.canonicalize().with_context(|| compiled.display().to_string())
        };
        Ok(Self {
            infer: compiled(INFER)?,
            products: compiled(PRODUCTS)?,
            wasmtime: PathBuf::from(wasmtime),
        })
    }

    fn command(&self, program: &Path, folders: &[&Path]) -> Command {
        let mut command = Command::new(&self.wasmtime);
        command.args(["run", "--allow-precompiled", "-Wtimeout=3600s,epoch-interruption=y"]);
        for folder in folders {
            command.arg("--dir").arg(folder);
        }
        command.arg(program);
        command
    }

    /// Runs `infer` with a model, a file of token ids and further arguments.
    pub(super) fn infer(&self, model: &Path, ids: &Path, more: &[&str]) -> anyhow::Result<Value> {
        let (model, ids) = (model.canonicalize()?, ids.canonicalize()?);
        let folders = [&model, &ids].map(|file| file.parent().unwrap_or(file));
        report(self.command(&self.infer, &folders).arg(&model).arg(&ids).args(more))
    }

    /// The output of the kernel benchmark, with this duration of each measurement in milliseconds.
    pub(super) fn kernels(&self, milliseconds: u32) -> anyhow::Result<String> {
        let mut command = self.command(&self.products, &[]);
        stdout(command.arg(milliseconds.to_string()))
    }
}

fn report(command: &mut Command) -> anyhow::Result<Value> {
    Ok(serde_json::from_str(&stdout(command)?)?)
}

fn stdout(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    let message = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed: {message}");
    Ok(String::from_utf8(output.stdout)?)
}
