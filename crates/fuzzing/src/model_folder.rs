//! Any files around a graph, and any graph: the folder is refused, or what was detected can be read.

use std::path::Path;

use arbitrary::Arbitrary;
use pilotlight_model::{Choices, GraphPort, GraphSignature, ModelFolder, Task};

#[derive(Debug, Arbitrary)]
struct Port {
    name: String,
    element: u8,
    dims: Option<Vec<Option<u16>>>,
}

#[derive(Debug, Arbitrary)]
pub struct Input {
    manifest: Option<String>,
    config: Option<String>,
    tokenizer_config: Option<String>,
    modules: Option<String>,
    pooling: Option<String>,
    settings: Option<String>,
    sentence: Option<String>,
    card: Option<String>,
    has_tokenizer: bool,
    task: Option<u8>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
}

impl Port {
    fn declared(&self) -> GraphPort {
        let (name, element) = (self.name.clone(), self.element.into());
        let size = |size: &Option<u16>| size.map(u64::from);
        let dims = self.dims.as_ref().map(|dims| dims.iter().map(size).collect());
        GraphPort { name, element, dims }
    }
}

/// Runs the target.
pub fn run(input: Input) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let pooling = folder.path().join("1_Pooling");
    std::fs::create_dir(pooling).expect("a folder can be made");
    let tokenizer = input.has_tokenizer.then(|| "{}".to_owned());
    for (name, content) in [
        ("model.onnx", &Some(String::new())),
        ("tokenizer.json", &tokenizer),
        ("model.toml", &input.manifest),
        ("config.json", &input.config),
        ("tokenizer_config.json", &input.tokenizer_config),
        ("modules.json", &input.modules),
        ("1_Pooling/config.json", &input.pooling),
        ("config_sentence_transformers.json", &input.settings),
        ("sentence_bert_config.json", &input.sentence),
        ("README.md", &input.card),
    ] {
        if let Some(content) = content {
            std::fs::write(folder.path().join(name), content).expect("a file can be written");
        }
    }
    let declared = |ports: &[Port]| ports.iter().map(Port::declared).collect();
    let signature =
        GraphSignature { inputs: declared(&input.inputs), outputs: declared(&input.outputs) };
    let task = input.task.map(|task| Task::ALL[usize::from(task) % Task::ALL.len()]);
    let choices = Choices { task, ..Choices::default() };
    let reader = |_: &Path| Ok(signature.clone());
    let Ok(model) = ModelFolder::detect(folder.path(), &choices, &reader) else { return };
    let again = ModelFolder::with_manifest(folder.path(), model.manifest_text());
    let again = again.expect("what was resolved can be read");
    assert_eq!(again.manifest(), model.manifest());
}
