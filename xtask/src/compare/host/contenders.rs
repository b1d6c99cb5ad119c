//! Who computes the same graphs.

use std::path::PathBuf;

use crate::build::{binary, component_file};
use crate::cargo::root;
use crate::compare::line_up::{self, text};
use crate::compare::service::Recipe;
use crate::peers;

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

impl Contenders {
    pub(in crate::compare) fn new(files: Files) -> anyhow::Result<Self> {
        let python = line_up::python()?;
        let library = peers::onnxruntime(&python)?;
        Ok(Self { python, library, files })
    }

    /// Builds component and graph.
    pub(in crate::compare) fn build(&self, precision: Precision) -> anyhow::Result<()> {
        self.files.build(precision, &self.library)
    }

    /// Pilotlight with the graph beside the component.
    pub(in crate::compare) fn pilotlight(
        &self,
        name: &'static str,
        precision: Precision,
        more: &[&str],
    ) -> anyhow::Result<Recipe> {
        let component = text(self.files.component(precision));
        let library = text(self.library.clone());
        let mut words = vec!["--onnxruntime", &*library];
        words.extend(more);
        if !more.contains(&"--backend") {
            words.extend(["--backend", "onnxruntime"]);
        }
        serve(name, &component, &words)
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
