//! Who computes the same graphs.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use xtask::build::{binary, component_file};
use xtask::cargo::root;
use xtask::runtime;

use crate::compare::line_up::{self, text};
use crate::compare::service::Recipe;

use super::files::{Files, Precision};

pub(in crate::compare) struct Contenders {
    pub(in crate::compare) python: String,
    pub(in crate::compare) library: PathBuf,
    pub(in crate::compare) files: Files,
}

/// How the threads of FastAPI's ONNX Runtime may be set.
#[derive(Clone, Copy)]
pub(in crate::compare) struct Threads {
    pub(in crate::compare) name: &'static str,
    flags: &'static [&'static str],
}

pub(in crate::compare) const THREADS: [Threads; 3] = [
    Threads { name: "all cores in a run", flags: &[] },
    Threads { name: "all cores in a run, not spinning", flags: &["--no-spinning"] },
    Threads { name: "one thread in a run", flags: &["--threads", "1"] },
];

/// `--max-batch`, and the `--bucket` that a component is built with.
pub(super) struct Batching {
    pub(super) name: &'static str,
    rows: &'static str,
    bucket: &'static str,
}

pub(super) const BUCKETS: [&str; 3] = ["1", "8", "16"];

pub(super) const BATCHING: [Batching; 7] = [
    Batching { name: "1 row", rows: "1", bucket: "1" },
    Batching { name: "8 rows", rows: "8", bucket: "1" },
    Batching { name: "8 rows, multiples of 8", rows: "8", bucket: "8" },
    Batching { name: "8 rows, multiples of 16", rows: "8", bucket: "16" },
    Batching { name: "16 rows", rows: "16", bucket: "1" },
    Batching { name: "16 rows, multiples of 8", rows: "16", bucket: "8" },
    Batching { name: "16 rows, multiples of 16", rows: "16", bucket: "16" },
];

impl Contenders {
    pub(in crate::compare) fn new(files: Files) -> anyhow::Result<Self> {
        let python = line_up::python()?;
        let library = runtime::library()?.context("ONNX Runtime could not be installed")?;
        Ok(Self { python, library, files })
    }

    /// Builds component and graph.
    pub(in crate::compare) fn build(&self, precision: Precision) -> anyhow::Result<()> {
        self.build_with(&self.files.component(precision), &["--precision", precision.word()])
    }

    /// Builds the component in f32 that pads texts to multiples of `bucket`.
    pub(super) fn build_padding(&self, bucket: &str) -> anyhow::Result<()> {
        self.build_with(&self.files.padding(bucket), &["--precision", "f32", "--bucket", bucket])
    }

    fn build_with(&self, component: &Path, options: &[&str]) -> anyhow::Result<()> {
        let library = text(self.library.clone());
        let backend = ["--backend", "onnxruntime", "--onnxruntime", &*library];
        self.files.build(component, &[options, &backend].concat())
    }

    /// Pilotlight with the graph beside the component.
    pub(in crate::compare) fn pilotlight(
        &self,
        name: &'static str,
        precision: Precision,
    ) -> anyhow::Result<Recipe> {
        self.serve(name, self.files.component(precision), &["--backend", "onnxruntime"])
    }

    /// Pilotlight without ONNX Runtime.
    pub(super) fn tract(&self, precision: Precision) -> anyhow::Result<Recipe> {
        let tract = ["--backend", "tract"];
        self.serve("pilotlight, tract", self.files.component(precision), &tract)
    }

    /// Pilotlight that computes up to `rows` texts at once, padded to multiples of `bucket`.
    pub(super) fn batching(&self, setting: &Batching) -> anyhow::Result<Recipe> {
        let options = ["--backend", "onnxruntime", "--max-batch", setting.rows];
        self.serve(setting.name, self.files.padding(setting.bucket), &options)
    }

    fn serve(
        &self,
        name: &'static str,
        component: PathBuf,
        more: &[&str],
    ) -> anyhow::Result<Recipe> {
        let library = text(self.library.clone());
        serve(name, &text(component), &[&["--onnxruntime", &*library], more].concat())
    }

    /// The default model, computed in the sandbox.
    pub(in crate::compare) fn guest(&self) -> anyhow::Result<Recipe> {
        serve("pilotlight, in the sandbox", &text(component_file()), &[])
    }

    pub(in crate::compare) fn fastapi(
        &self,
        name: &'static str,
        precision: Precision,
        threads: Threads,
    ) -> anyhow::Result<Recipe> {
        let script = text(root().join("tests/load/service.py"));
        let (model, graph) = (text(self.files.model.clone()), text(self.files.graph(precision)));
        let words = [&*self.python, &*script, &*model, "PORT", "--model", &*graph];
        Recipe::new(name, &[&words, threads.flags].concat())
    }
}

fn serve(name: &'static str, component: &str, more: &[&str]) -> anyhow::Result<Recipe> {
    let binary = text(binary());
    let listen = ["--listen", "127.0.0.1:PORT", "--admin-listen", "127.0.0.1:ADMIN"];
    Recipe::new(name, &[&[&*binary, "serve", component][..], &listen, more].concat())
}
