//! Sentence embeddings beside a Python service with the same model file.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use serde_json::{Value, json};
use xtask::build::binary;
use xtask::cargo::{execute, root};
use xtask::models;

use super::scenarios::Scenarios;
use crate::compare::runner::Run;
use crate::compare::server::ServerSpec;
use crate::compare::servers::{absolute, serve_component};
use crate::http;

/// The servers that are compared.
pub(super) const EMBEDDINGS: [&str; 2] = ["FastAPI + ONNX Runtime, MiniLM", "pilotlight, MiniLM"];
/// Texts whose embeddings are compared.
const COMPARED_TEXTS: usize = 64;

pub(super) struct Embeddings {
    pub(super) run: Run,
    /// The smallest cosine of an embedding with that of the Python service.
    pub(super) cosine: f64,
}

impl Scenarios<'_> {
    /// Embeddings of texts of many lengths, by the int8 file of MiniLM that a registry has.
    pub(super) fn embeddings(&self) -> anyhow::Result<Embeddings> {
        let model = models::fetch()?.join("minilm");
        let component = self.servers.files.beside("minilm.wasm");
        let mut build = Command::new(binary());
        build.arg("build").arg(&model).args(["--compute", "host"]);
        execute(build.arg("-o").arg(&component))?;
        let script = absolute(root().join("benchmarks/python/embeddings_service.py"));
        let fastapi = [&*self.servers.python, &*script, &*absolute(model), "PORT"];
        let specs = [
            ServerSpec::new(EMBEDDINGS[0], &fastapi)?,
            serve_component(EMBEDDINGS[1], component, &[])?,
        ];
        let bodies = self.servers.files.beside("embeddings.jsonl");
        let lines = requests(&self.corpus.bodies)?;
        fs::write(&bodies, lines.iter().map(|line| format!("{line}\n")).collect::<String>())?;
        let cosine = smallest_cosine(&specs, &lines)?;
        let targets = specs.map(|spec| (spec, "/embed"));
        let run = self.crowd_with("host-embeddings", &targets, ("5", 9), &bodies)?;
        Ok(Embeddings { run, cosine })
    }
}

/// The texts as requests of text-embeddings-inference.
fn requests(bodies: &Path) -> anyhow::Result<Vec<Value>> {
    let request = |line| {
        let body: Value = serde_json::from_str(line)?;
        Ok(json!({"inputs": body["inputs"], "truncate": true}))
    };
    fs::read_to_string(bodies)?.lines().map(request).collect()
}

fn smallest_cosine(specs: &[ServerSpec; 2], requests: &[Value]) -> anyhow::Result<f64> {
    let [one, other] = specs;
    let _servers = [one.start()?, other.start()?];
    let embedding = |spec: &ServerSpec, request| {
        let answer = http::post(spec.port, "/embed", request)?;
        serde_json::from_value::<Vec<f64>>(answer[0].clone()).context("the answer is no embedding")
    };
    let cosines = requests.iter().take(COMPARED_TEXTS).map(|request| {
        // Both are of length 1.
        let pair = embedding(one, request)?.into_iter().zip(embedding(other, request)?);
        anyhow::Ok(pair.map(|(a, b)| a * b).sum::<f64>())
    });
    cosines.into_iter().try_fold(1.0, |least, cosine| Ok(cosine?.min(least)))
}
