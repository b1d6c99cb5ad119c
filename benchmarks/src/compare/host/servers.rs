//! The servers that compute the same graphs.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use xtask::build::{binary, component_file};
use xtask::cargo::root;
use xtask::runtime;

use super::files::{Files, Precision};
use crate::compare::server::ServerSpec;
use crate::compare::servers::{self, absolute};

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

/// A value of `--max-batch`, and the value of `--pad-to-multiple-of` that the component is built with.
pub(super) struct Batching {
    pub(super) name: &'static str,
    rows: &'static str,
    multiple: &'static str,
}

pub(super) const MULTIPLES: [&str; 3] = ["1", "8", "16"];

pub(super) const BATCHING: [Batching; 7] = [
    Batching { name: "1 row", rows: "1", multiple: "1" },
    Batching { name: "8 rows", rows: "8", multiple: "1" },
    Batching { name: "8 rows, multiples of 8", rows: "8", multiple: "8" },
    Batching { name: "8 rows, multiples of 16", rows: "8", multiple: "16" },
    Batching { name: "16 rows", rows: "16", multiple: "1" },
    Batching { name: "16 rows, multiples of 8", rows: "16", multiple: "8" },
    Batching { name: "16 rows, multiples of 16", rows: "16", multiple: "16" },
];

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

    /// Builds the f32 component that pads texts to multiples of `multiple`.
    pub(super) fn build_padding(&self, multiple: &str) -> anyhow::Result<()> {
        self.build_with(
            &self.files.padding(multiple),
            &["--precision", "f32", "--pad-to-multiple-of", multiple],
        )
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

    /// Pilotlight with tract.
    pub(super) fn tract(&self, precision: Precision) -> anyhow::Result<ServerSpec> {
        let tract = ["--backend", "tract"];
        self.serve("pilotlight, tract", self.files.component(precision), &tract)
    }

    /// Pilotlight with a batch size and padding.
    pub(super) fn batching(&self, setting: &Batching) -> anyhow::Result<ServerSpec> {
        let options = ["--backend", "onnxruntime", "--max-batch", setting.rows];
        self.serve(setting.name, self.files.padding(setting.multiple), &options)
    }

    fn serve(
        &self,
        name: &'static str,
        component: PathBuf,
        more: &[&str],
    ) -> anyhow::Result<ServerSpec> {
        let library = absolute(self.library.clone());
        serve(name, &absolute(component), &[&["--onnxruntime", &*library], more].concat())
    }

    /// Pilotlight with inference in the sandbox.
    pub(in crate::compare) fn guest(&self) -> anyhow::Result<ServerSpec> {
        serve("pilotlight, in the sandbox", &absolute(component_file()), &[])
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

fn serve(name: &'static str, component: &str, more: &[&str]) -> anyhow::Result<ServerSpec> {
    let binary = absolute(binary());
    let listen = ["--listen", "127.0.0.1:PORT", "--admin-listen", "127.0.0.1:ADMIN"];
    ServerSpec::new(name, &[&[&*binary, "serve", component][..], &listen, more].concat())
}
