//! Names, types and shapes of what a model reads and writes in this protocol.

use pilotlight_model::Task;

use crate::engine::{Engine, Port};
use crate::function::Function;
use crate::model::{Model, TextModel};

/// Elements that are strings of bytes.
pub(super) const BYTES: &str = "BYTES";
const FP32: &str = "FP32";

/// What a model reads and writes.
pub(super) struct Signature<'a> {
    pub(super) inputs: Vec<Spec<'a>>,
    pub(super) outputs: Vec<Spec<'a>>,
    /// Whether the first dimension of each tensor counts rows that do not depend on each other.
    pub(super) has_rows: bool,
    /// Triton's `max_batch_size`: most rows of a request; 0 where dimensions are told as they are.
    pub(super) most_rows: usize,
}

/// An input or an output.
pub(super) struct Spec<'a> {
    pub(super) name: &'a str,
    pub(super) datatype: &'static str,
    /// Its dimensions; `None` where any size goes.
    pub(super) dims: Vec<Option<usize>>,
    /// Whether it may be left out.
    pub(super) optional: bool,
}

impl<'a> Signature<'a> {
    /// Of a graph what it declares; of a model with a tokenizer what its own task takes and answers.
    pub(super) fn of(function: &'a Function) -> Self {
        match function.model() {
            Model::Voice(voice) => Self::of_engine(voice.engine(), function),
            Model::Speech(speech) => Self::of_engine(speech.engine(), function),
            Model::Tensors(model) => Self::of_engine(model.engine(), function),
            Model::Text(model) => {
                let (inputs, outputs) = of_task(function.task(), model);
                Self { inputs, outputs, has_rows: true, most_rows: 0 }
            }
        }
    }

    fn of_engine(engine: &'a dyn Engine, function: &Function) -> Self {
        let specs = |ports: &'a [Port]| ports.iter().map(Spec::of).collect();
        let (inputs, outputs) = (specs(engine.inputs()), specs(engine.outputs()));
        Self::of_graph(inputs, outputs, function.limits().max_inputs)
    }

    /// As Triton does, a graph is taken for one of rows if each first dimension is of any size.
    fn of_graph(inputs: Vec<Spec<'a>>, outputs: Vec<Spec<'a>>, most_rows: usize) -> Self {
        let has_rows = inputs.iter().chain(&outputs).all(|spec| spec.dims.first() == Some(&None));
        let most_rows = if has_rows { most_rows } else { 0 };
        Self { inputs, outputs, has_rows, most_rows }
    }
}

impl<'a> Spec<'a> {
    fn of(port: &'a Port) -> Self {
        let (datatype, dims) = (port.element.name(), port.dims.clone());
        Self { name: &port.name, datatype, dims, optional: false }
    }

    /// A string for each row.
    fn strings(name: &'a str) -> Self {
        Self { name, datatype: BYTES, dims: vec![None], optional: false }
    }

    /// `columns` numbers for each row.
    fn numbers(name: &'a str, columns: Option<usize>) -> Self {
        Self { name, datatype: FP32, dims: vec![None, columns], optional: false }
    }
}

/// Inputs and outputs of a task; `text.rs` computes them.
fn of_task(task: Task, model: &TextModel) -> (Vec<Spec<'static>>, Vec<Spec<'static>>) {
    let strings = Spec::strings;
    let text = || vec![strings("text")];
    match task {
        Task::FeatureExtraction | Task::SentenceEmbeddings | Task::SentenceSimilarity => {
            (text(), vec![Spec::numbers("embedding", model.encoder.columns())])
        }
        Task::TextClassification => {
            let mut inputs = text();
            if model.tokenizer.pair_capacity().is_some() {
                inputs.push(Spec { optional: true, ..strings("text_pair") });
            }
            let labels = model.labels.names().len();
            (inputs, vec![Spec::numbers("scores", Some(labels)), strings("label")])
        }
        Task::Reranking => {
            let query = Spec { dims: vec![Some(1)], ..strings("query") };
            let scores = Spec { datatype: FP32, ..strings("scores") };
            (vec![query, strings("text")], vec![scores])
        }
        Task::TokenClassification => (text(), vec![strings("entities")]),
        Task::ZeroShotClassification => {
            (vec![strings("text"), strings("candidate_labels")], vec![strings("output")])
        }
        Task::QuestionAnswering => {
            (vec![strings("question"), strings("context")], vec![strings("output")])
        }
        _ => (text(), vec![strings("output")]),
    }
}
