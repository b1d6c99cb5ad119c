//! Folders as others leave them, and graphs that only declare something.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use pilotlight_model::{Choices, GraphPort, GraphSignature, ModelError, ModelFolder, Task};
use tempfile::TempDir;

/// A size that depends on the input.
pub(crate) const ANY: i64 = -1;
const F32: i32 = 1;
const I64: i32 = 7;

pub(crate) type Port<'a> = (&'a str, &'a [i64]);

/// A folder of files, with a graph that declares what a test says.
pub(crate) struct Folder {
    pub(crate) root: TempDir,
    path: PathBuf,
    signature: GraphSignature,
}

fn port((name, dims): &Port<'_>, element: i32) -> GraphPort {
    let dims = dims.iter().map(|size| u64::try_from(*size).ok()).collect();
    GraphPort { name: (*name).to_owned(), element, dims: Some(dims) }
}

impl Folder {
    /// A folder called `name` with an encoder of text whose outputs are `outputs`.
    pub(crate) fn new(name: &str, outputs: &[Port<'_>]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(name);
        fs::create_dir(&path).unwrap();
        let inputs = ["input_ids", "attention_mask"].map(|name| port(&(name, &[ANY, ANY]), I64));
        let outputs = outputs.iter().map(|output| port(output, F32)).collect();
        let signature = GraphSignature { inputs: inputs.to_vec(), outputs };
        let folder = Self { root, path, signature };
        folder.file("model.onnx", "graph").file("tokenizer.json", "{}")
    }

    pub(crate) fn inputs(mut self, inputs: &[Port<'_>]) -> Self {
        self.signature.inputs = inputs.iter().map(|input| port(input, I64)).collect();
        self
    }

    /// Inputs of f32.
    pub(crate) fn float_inputs(mut self, inputs: &[Port<'_>]) -> Self {
        self.signature.inputs = inputs.iter().map(|input| port(input, F32)).collect();
        self
    }

    pub(crate) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.path.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    pub(crate) fn without(self, name: &str) -> Self {
        fs::remove_file(self.path.join(name)).unwrap();
        self
    }

    /// A file of this size that takes no room.
    pub(crate) fn large(self, name: &str, bytes: u64) -> Self {
        let path = self.path.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        File::create(path).unwrap().set_len(bytes).unwrap();
        self
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn choosing(&self, choices: &Choices) -> Result<ModelFolder, ModelError> {
        ModelFolder::detect(&self.path, choices, &|_: &Path| Ok(self.signature.clone()))
    }

    pub(crate) fn detected(&self) -> ModelFolder {
        let folder = self.choosing(&Choices::default()).unwrap();
        folder.verify().unwrap();
        folder
    }

    pub(crate) fn task(&self) -> Task {
        self.detected().manifest().task
    }

    pub(crate) fn as_task(&self, task: Task) -> Result<ModelFolder, ModelError> {
        self.choosing(&Choices { task: Some(task), ..Choices::default() })
    }

    pub(crate) fn with_graph(&self, file: &str) -> Result<ModelFolder, ModelError> {
        self.choosing(&Choices { onnx_file: Some(file.to_owned()), ..Choices::default() })
    }

    pub(crate) fn refusal(&self) -> String {
        let refusal = self.choosing(&Choices::default()).unwrap_err().to_string();
        assert!(!refusal.contains('\n') && refusal.len() < 2000, "{refusal}");
        refusal
    }
}

/// A `config.json` for a class of `transformers`.
pub(crate) fn config(class: &str, rest: &str) -> String {
    format!(r#"{{"architectures": ["{class}"], "max_position_embeddings": 512{rest}}}"#)
}

/// Whether one of the findings says all of `parts`.
pub(crate) fn found(folder: &ModelFolder, parts: &[&str]) -> bool {
    folder.findings().iter().any(|finding| parts.iter().all(|part| finding.contains(part)))
}
