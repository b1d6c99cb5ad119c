//! Who infers: components in two hosts, and programs that call a runtime.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use xtask::build::{GUEST_PROFILE, GUEST_TARGET};
use xtask::cargo::{cargo, execute, target};

use super::{median, printed};
use crate::compare::host::contenders::Contenders;
use crate::compare::host::direct::{Direct, Setting};
use crate::compare::host::files::{Precision, Texts};
use crate::compare::line_up::{LineUp, text};
use crate::compare::service::Service;
use crate::http;

/// Where a component tells how long it inferred, in milliseconds.
const TIME: &str = "x-inference-time";
const ALONE: Setting = Setting { callers: 1, threads: 1, batch: 1 };

pub(super) struct Contender<'a> {
    pub(super) name: &'static str,
    seconds: u32,
    kind: Kind<'a>,
}

enum Kind<'a> {
    /// Asked over HTTP for what it says of itself.
    Served(Service),
    /// ONNX Runtime called from Rust with one thread.
    Direct(Direct, PathBuf),
    /// tract on this machine.
    Native(PathBuf, PathBuf),
    /// tract in a sandbox.
    Sandboxed(&'a Sandbox, PathBuf),
}

/// All of them, the servers among them started. The first native one is what the others are
/// compared with.
pub(super) fn all<'a>(
    contenders: &Contenders,
    line_up: &LineUp,
    sandbox: &'a Sandbox,
    seconds: u32,
) -> anyhow::Result<Vec<Contender<'a>>> {
    let model = contenders.files.model.join("model.onnx");
    let program = Direct::build(contenders.library.clone(), seconds)?;
    let direct = |graph: PathBuf| Kind::Direct(program.clone(), graph);
    let built = |name, precision, hosts| {
        let component = contenders.files.build_guest(precision, hosts)?;
        anyhow::Ok(Kind::Served(line_up.pilotlight_of(name, &text(component))?.start()?))
    };
    let native = target().join("release/examples/infer");
    execute(cargo(&["build", "--locked", "--release"]).args(INFER))?;
    let named = |name, kind| Contender { name, seconds, kind };
    Ok(vec![
        named("ONNX Runtime, f32", direct(contenders.files.graph(Precision::F32))),
        named("ONNX Runtime, int8", direct(contenders.files.graph(Precision::Int8))),
        named("ONNX Runtime, the file's 4 bits", direct(model.clone())),
        named("tract, f32", Kind::Native(native, model.clone())),
        named("**pilotlight, int4**", Kind::Served(line_up.pilotlight()?.start()?)),
        named("wasmtime serve, int4", Kind::Served(line_up.wasmtime_reused()?.start()?)),
        named("the same without relaxed SIMD", built("plain", "int4", "wasi-0.2-simd128")?),
        named("pilotlight, int8", built("pilotlight, int8", "int8", "wasi-0.3")?),
        named("pilotlight, f32", built("pilotlight, f32", "f32", "wasi-0.3")?),
        named("tract in the sandbox, f32", Kind::Sandboxed(sandbox, model)),
    ])
}

impl Contender<'_> {
    /// The median of an inference of the text, in milliseconds.
    pub(super) fn median(&self, texts: &Texts) -> anyhow::Result<f64> {
        let seconds = self.seconds.to_string();
        match &self.kind {
            Kind::Direct(direct, graph) => Ok(direct.run(graph, texts, ALONE)?.p50),
            Kind::Native(program, model) => {
                let mut command = Command::new(program);
                command.arg(model).arg(&texts.ids).args(["tract", &seconds]);
                Ok(printed(&output(&mut command)?))
            }
            Kind::Sandboxed(sandbox, model) => {
                Ok(printed(&sandbox.infer(model, &texts.ids, &["tract", &seconds])?))
            }
            Kind::Served(service) => self.ask(service, &fs::read_to_string(&texts.bodies)?),
        }
    }

    fn ask(&self, service: &Service, body: &str) -> anyhow::Result<f64> {
        let ask = || {
            let time = http::post_for(service.recipe.port, "/", body, TIME)?;
            time.parse::<f64>().with_context(|| format!("{TIME}: {time}"))
        };
        // The first answers may find caches cold.
        ask()?;
        ask()?;
        let (mut times, start) = (Vec::new(), Instant::now());
        while times.len() < 5 || start.elapsed() < Duration::from_secs(self.seconds.into()) {
            times.push(ask()?);
        }
        Ok(median(&times))
    }
}

const INFER: [&str; 4] = ["--package", "pilotlight-onnx", "--example", "infer"];
const PRODUCTS: [&str; 4] = ["--package", "pilotlight-kernels", "--example", "products"];

/// Programs compiled for the sandbox, and `wasmtime` to run them. They can be interrupted, as
/// components can.
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

    fn run(&self, program: &Path, folders: &[&Path]) -> Command {
        let mut command = Command::new(&self.wasmtime);
        command.args(["run", "--allow-precompiled", "-Wtimeout=3600s,epoch-interruption=y"]);
        for folder in folders {
            command.arg("--dir").arg(folder);
        }
        command.arg(program);
        command
    }

    /// `infer` with a model, a file of token ids and what else it takes.
    pub(super) fn infer(&self, model: &Path, ids: &Path, more: &[&str]) -> anyhow::Result<Value> {
        let (model, ids) = (model.canonicalize()?, ids.canonicalize()?);
        let folders = [&model, &ids].map(|file| file.parent().unwrap_or(file));
        output(self.run(&self.infer, &folders).arg(&model).arg(&ids).args(more))
    }

    /// What the kernels' program prints when each of its measurements takes so many milliseconds.
    pub(super) fn kernels(&self, milliseconds: u32) -> anyhow::Result<String> {
        let mut command = self.run(&self.products, &[]);
        printout(command.arg(milliseconds.to_string()))
    }
}

fn output(command: &mut Command) -> anyhow::Result<Value> {
    Ok(serde_json::from_str(&printout(command)?)?)
}

fn printout(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed: {complaint}");
    Ok(String::from_utf8(output.stdout)?)
}
