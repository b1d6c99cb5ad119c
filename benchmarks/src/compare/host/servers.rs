//! The servers that compute the same graphs.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use xtask::build::component_file;
use xtask::cargo::root;
use xtask::runtime;

use super::files::{Files, Precision};
use crate::compare::server::ServerSpec;
use crate::compare::servers::{self, absolute, serve_component};

/// The installed programs and the files that they share.
pub(in crate::compare) struct HostServers {
    pub(in crate::compare) python: String,
    /// The shared library of ONNX Runtime.
    pub(in crate::compare) library: PathBuf,
    pub(in crate::compare) files: Files,
}

/// Thread settings of ONNX Runtime in the FastAPI service.
#[derive(Clone, Copy)]
pub(in crate::compare) struct Threads {
    pub(in crate::compare) name: &'static str,
    flags: &'static [&'static str],
}

pub(in crate::compare) const THREADS: [Threads; 3] = [
    Threads { name: "all cores per inference", flags: &[] },
    Threads { name: "all cores per inference, no spinning", flags: &["--no-spinning"] },
    Threads { name: "one thread per inference", flags: &["--threads", "1"] },
];

/// Multiples of tokens that texts are padded to, so that ONNX Runtime computes more of them as a batch.
pub(super) const PADDED_TO: &str = "16";

/// Values of `--max-batch-tokens`.
pub(super) const MAX_BATCH_TOKENS: [(&str, &str); 4] =
    [("64 tokens", "64"), ("128 tokens", "128"), ("192 tokens", "192"), ("384 tokens", "384")];
/// The name of the server with ONNX Runtime that is compared with them.
pub(super) const PADDED: &str = "ONNX Runtime, 8 rows, multiples of 16 tokens";

impl HostServers {
    pub(in crate::compare) fn new(files: Files) -> anyhow::Result<Self> {
        let python = servers::python()?;
        let library = runtime::library()?.context("ONNX Runtime could not be installed")?;
        Ok(Self { python, library, files })
    }

    /// Builds component and graph.
    pub(in crate::compare) fn build(&self, precision: Precision) -> anyhow::Result<()> {
        self.build_with(&self.files.component(precision), &["--precision", precision.name()])
    }

    /// Builds the component whose products the backend `native` computes in int8.
    pub(in crate::compare) fn build_native_int8(&self) -> anyhow::Result<()> {
        self.files.build(&self.files.native_int8(), &["--precision", "int8"])
    }

    /// Builds the f32 component that pads texts.
    pub(super) fn build_padding(&self) -> anyhow::Result<()> {
        let padding = ["--precision", "f32", "--pad-to-multiple-of", PADDED_TO];
        self.build_with(&self.files.padding(), &padding)
    }

    fn build_with(&self, component: &Path, options: &[&str]) -> anyhow::Result<()> {
        let library = absolute(self.library.clone());
        let backend = ["--backend", "onnxruntime", "--onnxruntime", &*library];
        self.files.build(component, &[options, &backend].concat())
    }

    /// Pilotlight with ONNX Runtime.
    pub(in crate::compare) fn pilotlight(
        &self,
        name: &'static str,
        precision: Precision,
    ) -> anyhow::Result<ServerSpec> {
        self.serve(name, self.files.component(precision), &["--backend", "onnxruntime"])
    }

    /// Pilotlight without options: what `build` and `serve` select.
    pub(super) fn default(&self) -> anyhow::Result<ServerSpec> {
        self.default_with("pilotlight", &[])
    }

    /// The same component without the instructions that AVX2 lacks.
    pub(super) fn avx2(&self) -> anyhow::Result<ServerSpec> {
        self.default_with("pilotlight, AVX2 only", &["--cpu", "avx2"])
    }

    fn default_with(&self, name: &'static str, more: &[&str]) -> anyhow::Result<ServerSpec> {
        serve_component(name, self.files.default(), more)
    }

    /// Pilotlight's kernels with the f32 file that ONNX Runtime computes, too.
    pub(in crate::compare) fn native_f32(&self) -> anyhow::Result<ServerSpec> {
        let component = self.files.component(Precision::F32);
        serve_component("pilotlight, f32", component, &["--backend", "native"])
    }

    /// Pilotlight's kernels in int8.
    pub(in crate::compare) fn native_int8(&self) -> anyhow::Result<ServerSpec> {
        serve_component("pilotlight, int8", self.files.native_int8(), &["--backend", "native"])
    }

    /// Pilotlight with each of [`MAX_BATCH_TOKENS`], and with ONNX Runtime and padding.
    pub(super) fn batching(&self) -> anyhow::Result<Vec<ServerSpec>> {
        let native = |(name, tokens)| self.default_with(name, &["--max-batch-tokens", tokens]);
        let native = MAX_BATCH_TOKENS.into_iter().map(native);
        let padded = self.serve(PADDED, self.files.padding(), &["--backend", "onnxruntime"]);
        native.chain([padded]).collect()
    }

    fn serve(
        &self,
        name: &'static str,
        component: PathBuf,
        more: &[&str],
    ) -> anyhow::Result<ServerSpec> {
        let library = absolute(self.library.clone());
        serve_component(name, component, &[&["--onnxruntime", &*library], more].concat())
    }

    /// Pilotlight with inference in the sandbox.
    pub(in crate::compare) fn guest(&self) -> anyhow::Result<ServerSpec> {
        serve_component("pilotlight, in the sandbox", component_file(), &[])
    }

    /// FastAPI with ONNX Runtime.
    pub(in crate::compare) fn fastapi(
        &self,
        name: &'static str,
        precision: Precision,
        threads: Threads,
    ) -> anyhow::Result<ServerSpec> {
        let script = absolute(root().join("benchmarks/python/fastapi_service.py"));
        let (model, graph) =
            (absolute(self.files.model.clone()), absolute(self.files.graph(precision)));
        let command = [&*self.python, &*script, &*model, "PORT", "--model", &*graph];
        ServerSpec::new(name, &[&command, threads.flags].concat())
    }
}
