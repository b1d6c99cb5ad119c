//! Functions with the tokenizer of the default model and an engine that answers a constant vector.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use pilotlight_guest::engine::{
    Element, Encoder, Engine, EngineError, NamedTensor, Padding, Port, Tensor,
};
use pilotlight_guest::function::Function;
use pilotlight_guest::model::{Model, TextModel, Usage};
use pilotlight_guest::service::Service;
use pilotlight_guest::text::Tokenizer;
use pilotlight_model::{Digest, ModelFolder, Task};

/// The name of the model.
pub(crate) const NAME: &str = "stub";
/// Columns of a vector, as all-MiniLM-L6-v2 has them.
pub(crate) const COLUMNS: usize = 384;

struct Constant {
    ports: [Port; 2],
    vector: Vec<u8>,
}

impl Constant {
    fn new(columns: usize) -> Self {
        let port = |name: &str, element, columns| Port {
            name: name.to_owned(),
            element,
            dims: vec![None, columns],
        };
        let ports = [
            port("input_ids", Element::I64, None),
            port("sentence_embedding", Element::F32, Some(columns)),
        ];
        // Numbers of both signs and as many digits as those of models.
        let value = |index: usize| ((index * 7919 % 1000) as f32 - 499.5) / 5_000.0;
        let vector = (0..columns).flat_map(|index| value(index).to_le_bytes()).collect();
        Self { ports, vector }
    }
}

impl Engine for Constant {
    fn inputs(&self) -> &[Port] {
        &self.ports[..1]
    }

    fn outputs(&self) -> &[Port] {
        &self.ports[1..]
    }

    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<NamedTensor>, EngineError> {
        let rows = inputs.first().map_or(0, |ids| ids.shape[0]);
        let shape = vec![rows, self.vector.len() / size_of::<f32>()];
        let tensor = Tensor { element: Element::F32, shape, bytes: self.vector.repeat(rows) };
        Ok(vec![(self.ports[1].name.clone(), tensor)])
    }

    fn place(&self) -> &'static str {
        "guest"
    }
}

/// A function for a task.
pub(crate) fn service(task: Task) -> Result<Service, Box<dyn Error>> {
    let tokenizer = fs::read(tokenizer_file())?;
    let manifest = format!(
        "name = \"{NAME}\"\ntask = \"{task}\"\nlicense = \"CC0-1.0\"\nnormalize = true\n\n[files]\n\
         \"model.onnx\".sha256 = \"{0}\"\n\"tokenizer.json\".sha256 = \"{0}\"\n",
        Digest::of(&tokenizer)
    );
    let folder = ModelFolder::with_manifest(NAME, &manifest)?;
    let (columns, labels) = match task {
        Task::Reranking => (1, vec!["LABEL_0".to_owned()]),
        _ => (COLUMNS, Vec::new()),
    };
    let padding = Padding { pad_to_multiple_of: 1, longest: 512, fixed: None, first_position: 0 };
    let encoder = Encoder::new(Box::new(Constant::new(columns)), padding, (1, None))?;
    let tokenizer = Tokenizer::load(&tokenizer, 512)?;
    let model = TextModel::from_parts(tokenizer, encoder, labels, folder.manifest().clone());
    let function = Function::new(&folder, Model::Text(Box::new(model)), "float32")?;
    Ok(Service::new(function))
}

/// A text of so many tokens, special ones included.
pub(crate) fn text(service: &Service, tokens: usize) -> Result<String, Box<dyn Error>> {
    let model = service.model().text().ok_or("the model reads no texts")?;
    let mut text = String::from("the weather in paris is \"mild\"");
    while model.tokens(&text, &mut Usage::default())?.len() < tokens {
        text.push_str(" today");
    }
    Ok(text)
}

fn tokenizer_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/pii-ner/tokenizer.json")
}
