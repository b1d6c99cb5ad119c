//! Functions of several kinds, whose engines answer at once.

use std::collections::BTreeMap;

use pilotlight_guest::engine::{
    Element, Encoder, Engine, EngineError, NamedTensor, Padding, Port, Tensor,
};
use pilotlight_guest::function::Function;
use pilotlight_guest::model::{Model, TensorsModel, TextModel};
use pilotlight_guest::service::Service;
use pilotlight_guest::text::Tokenizer;
use pilotlight_model::{Digest, ModelFolder, Task};

const TOKENIZER: &[u8] = include_bytes!("../../../models/pii-ner/tokenizer.json");
/// Tokens of a text.
const LONGEST: usize = 64;
/// Tasks of models that read texts, and the labels of their outputs.
const TASKS: [(Task, &[&str]); 7] = [
    (Task::SentenceEmbeddings, &[]),
    (Task::TokenClassification, &["O", "B-PER", "I-PER"]),
    (Task::TextClassification, &["hate", "neutral"]),
    (Task::Reranking, &["LABEL_0"]),
    (Task::ZeroShotClassification, &["contradiction", "neutral", "entailment"]),
    (Task::QuestionAnswering, &[]),
    (Task::FillMask, &[]),
];

/// Numbers from token ids, a row for each token or one for the text, or twice the numbers that it is given.
struct Instant {
    ports: Vec<Port>,
    inputs: usize,
    columns: Option<usize>,
}

/// One function of each kind.
pub(crate) fn all() -> Vec<Service> {
    let of_texts = TASKS.iter().map(|(task, labels)| of_texts(*task, labels));
    of_texts.chain([of_tensors()]).collect()
}

fn of_texts(task: Task, labels: &[&str]) -> Service {
    let tokenizer = Tokenizer::load(TOKENIZER, LONGEST).expect("the default model has a tokenizer");
    let folder = folder(task);
    let engine = Instant::of_texts(task, labels.len(), tokenizer.vocabulary());
    let padding =
        Padding { pad_to_multiple_of: 1, longest: LONGEST, fixed: None, first_position: 0 };
    let encoder = Encoder::new(Box::new(engine), padding, (1, None)).expect("it fits");
    let labels = labels.iter().map(|label| (*label).to_owned()).collect();
    let model = TextModel::from_parts(tokenizer, encoder, labels, folder.manifest().clone());
    let mask_token = Some("[MASK]".to_owned());
    let model = Model::Text(Box::new(TextModel { mask_token, ..model }));
    Service::new(Function::new(&folder, model, "float32").expect("it answers its sample"))
}

fn of_tensors() -> Service {
    let port = |name: &str| port(name, Element::F32, vec![None, Some(2)]);
    let engine = Instant { ports: vec![port("x"), port("y")], inputs: 1, columns: None };
    let folder = folder(Task::Tensors);
    let model = TensorsModel::new(Box::new(engine), BTreeMap::new()).expect("nothing is said");
    let function = Function::new(&folder, Model::Tensors(model), "float32");
    Service::new(function.expect("it answers its sample"))
}

fn folder(task: Task) -> ModelFolder {
    let digest = Digest::of(TOKENIZER);
    let manifest = format!(
        "name = \"tiny\"\ntask = \"{task}\"\nlicense = \"CC0-1.0\"\nmax-length = {LONGEST}\n\
         default-prompt = \"query\"\n\n[prompts]\nquery = \"ask: \"\n\n[files]\n\
         \"model.onnx\".sha256 = \"{digest}\"\n\"tokenizer.json\".sha256 = \"{digest}\"\n"
    );
    ModelFolder::with_manifest("tiny", &manifest).expect("it is complete")
}

fn port(name: &str, element: Element, dims: Vec<Option<usize>>) -> Port {
    Port { name: name.to_owned(), element, dims }
}

impl Instant {
    fn of_texts(task: Task, labels: usize, vocabulary: usize) -> Self {
        let input = port("input_ids", Element::I64, vec![None, None]);
        let of_tokens = |name, columns| port(name, Element::F32, vec![None, None, Some(columns)]);
        let (outputs, columns) = match task {
            Task::TokenClassification => (vec![of_tokens("logits", labels)], labels),
            Task::SentenceEmbeddings => (vec![of_tokens("last_hidden_state", 4)], 4),
            Task::FillMask => (vec![of_tokens("logits", vocabulary)], vocabulary),
            Task::QuestionAnswering => {
                let one = |name| port(name, Element::F32, vec![None, None]);
                (vec![one("start_logits"), one("end_logits")], 1)
            }
            _ => (vec![port("logits", Element::F32, vec![None, Some(labels)])], labels),
        };
        let ports = [input].into_iter().chain(outputs).collect();
        Self { ports, inputs: 1, columns: Some(columns) }
    }
}

impl Engine for Instant {
    fn inputs(&self) -> &[Port] {
        &self.ports[..self.inputs]
    }

    fn outputs(&self) -> &[Port] {
        &self.ports[self.inputs..]
    }

    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<NamedTensor>, EngineError> {
        let [input] = &inputs[..] else { return Err(EngineError::Failed("one input".to_owned())) };
        let Some(columns) = self.columns else {
            let values = input.f32s().unwrap_or_default();
            let bytes = values.iter().flat_map(|value| (value * 2.0).to_le_bytes()).collect();
            let tensor = Tensor { element: Element::F32, shape: input.shape.clone(), bytes };
            return Ok(vec![(self.ports[1].name.clone(), tensor)]);
        };
        let (ids, _) = input.bytes.as_chunks::<8>();
        let output = |port: &Port| {
            let shape = match port.dims.len() {
                // A row for the text.
                2 if columns > 1 || port.dims[1].is_some() => vec![1, columns],
                2 => vec![1, ids.len()],
                _ => vec![1, ids.len(), columns],
            };
            let count: usize = shape.iter().product();
            let value = |place: usize| {
                let id = i64::from_le_bytes(ids[place / columns % ids.len()]);
                ((id + place as i64) % 7) as f32 - 3.0
            };
            let bytes = (0..count).flat_map(|place| value(place).to_le_bytes()).collect();
            (port.name.clone(), Tensor { element: Element::F32, shape, bytes })
        };
        Ok(self.outputs().iter().map(output).collect())
    }

    fn place(&self) -> &'static str {
        "guest"
    }
}
