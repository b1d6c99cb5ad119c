//! Converts the graph of an encoder to one form: inputs i64 `[batch, sequence]`, and outputs f32 `[batch, sequence, n]`,
//! `[batch, sequence]` or `[batch, n]`.
//! Used by `import` and `ragged`. Knows only the ONNX schema, not tract.

mod choice;
mod flow;
mod inputs;
mod output;

use std::collections::BTreeSet;

use pilotlight_model::{Manifest, Task};

use crate::error::OnnxError;
use crate::inspect::{names, unused};
use crate::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, is_onnx};

/// The oldest schema whose constants need not be inputs.
const IR_OF_CONSTANTS: i64 = 4;
const INT: i32 = 2;

/// The outputs that are wanted of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// One with a row for each token, `[batch, sequence, columns]`.
    PerToken {
        /// Columns, if their number is known.
        columns: Option<usize>,
    },
    /// One with a row for each text, `[batch, columns]`.
    PerText {
        /// Columns, if their number is known.
        columns: Option<usize>,
    },
    /// Exactly these, in this order.
    Named(Vec<String>),
}

impl Wanted {
    /// What the task of a model reads. Of a classifier `columns` says how many labels it has, if that
    /// is known.
    pub fn of(manifest: &Manifest, columns: Option<usize>) -> Self {
        if !manifest.outputs.is_empty() {
            return Self::Named(manifest.outputs.clone());
        }
        match manifest.task {
            Task::TokenClassification => Self::PerToken { columns },
            Task::TextClassification | Task::ZeroShotClassification | Task::Reranking => {
                Self::PerText { columns }
            }
            Task::QuestionAnswering => {
                Self::Named(vec!["start_logits".to_owned(), "end_logits".to_owned()])
            }
            _ => Self::PerToken { columns: None },
        }
    }
}

/// An output of an encoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncoderOutput {
    /// The name.
    pub name: String,
    /// Whether it has a row for each token instead of each text.
    pub per_token: bool,
    /// Columns of a row, where that could be told; 1 for `[batch, sequence]`.
    pub columns: Option<usize>,
}

/// How the graph of an encoder is computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoder {
    /// Names of its inputs, each of which has a role.
    pub inputs: Vec<String>,
    /// Whether the attention mask or the lengths have an influence on the outputs: without one,
    /// padding changes the rows of the tokens before it.
    pub masked: bool,
    /// The graph computes one sequence at a time.
    pub single: bool,
    /// Every sequence has to have this many tokens.
    pub length: Option<usize>,
    /// Rows of the smallest table that token ids look up, where that could be told.
    pub vocabulary: Option<usize>,
    /// The wanted outputs.
    pub outputs: Vec<EncoderOutput>,
    /// Whether the graph was changed.
    pub changed: bool,
}

/// Adapts the graph of `model` so that it computes what is `wanted` from the tokens of texts.
///
/// # Errors
/// [`OnnxError`] naming the input or the outputs that do not fit.
pub fn adapt(model: &mut ModelProto, wanted: &Wanted) -> Result<Encoder, OnnxError> {
    let opset = model.opset();
    let graph = model.graph.as_mut();
    let graph = graph.ok_or_else(|| OnnxError::Graph("the file holds no graph".into()))?;
    let mut adapt = Adapt { graph, opset, changed: false, names: BTreeSet::new() };
    let dropped = adapt.drop_constant_inputs();
    let outputs = adapt.choose_outputs(wanted)?;
    let masked = adapt.drop_unused_inputs(&outputs);
    adapt.check_inputs()?;
    let vocabulary = adapt.vocabulary();
    let shape = adapt.unify_shapes(&outputs)?;
    if let Some(length) = shape.length.filter(|_| !masked) {
        return Err(OnnxError::Graph(format!(
            "its inputs have a fixed length of {length} tokens and it does not use attention_mask, \
             so that shorter texts cannot be padded; export it with a dynamic sequence axis"
        )));
    }
    adapt.cast_inputs();
    let outputs = adapt.finish_outputs(outputs, &shape);
    let inputs = adapt.graph.input.iter().map(|input| input.name.clone()).collect();
    let changed = adapt.changed;
    if dropped {
        model.ir_version = model.ir_version.max(IR_OF_CONSTANTS);
    }
    let (single, length) = (shape.single, shape.length);
    Ok(Encoder { inputs, masked, single, length, vocabulary, outputs, changed })
}

/// A graph that is being adapted.
struct Adapt<'a> {
    graph: &'a mut GraphProto,
    opset: i64,
    changed: bool,
    /// All that are taken, once a fresh one is wanted.
    names: BTreeSet<String>,
}

impl Adapt<'_> {
    /// Before IR 4 constants were listed as inputs, too.
    fn drop_constant_inputs(&mut self) -> bool {
        let constants: BTreeSet<&str> =
            self.graph.initializer.iter().map(|tensor| &tensor.name[..]).collect();
        let before = self.graph.input.len();
        self.graph.input.retain(|input| !constants.contains(&input.name[..]));
        let dropped = self.graph.input.len() < before;
        self.changed |= dropped;
        dropped
    }

    /// A constant: an initializer, or the value of a `Constant` node.
    fn constant(&self, name: &str) -> Option<&TensorProto> {
        let initializer = self.graph.initializer.iter().find(|tensor| tensor.name == name);
        initializer.or_else(|| {
            let node = self.producer(name)?;
            let is_constant = node.op_type == "Constant" && is_onnx(&node.domain);
            let attribute = node.attribute.first().filter(|_| is_constant)?;
            attribute.t.as_ref()
        })
    }

    fn producer(&self, name: &str) -> Option<&NodeProto> {
        self.graph.node.iter().find(|node| node.output.iter().any(|output| output == name))
    }

    /// A name that nothing in the graph has.
    fn fresh(&mut self, base: &str, suffix: &str) -> String {
        if self.names.is_empty() {
            self.names = names(self.graph);
        }
        let name = unused(&self.names, &format!("{base}_{suffix}"));
        self.names.insert(name.clone());
        name
    }
}

fn node(op_type: &str, inputs: &[&str], output: &str, attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        op_type: op_type.into(),
        name: output.into(),
        input: inputs.iter().map(|name| (*name).to_owned()).collect(),
        output: vec![output.into()],
        attribute,
        ..NodeProto::default()
    }
}

fn cast(input: &str, output: &str, element: i32) -> NodeProto {
    let to = AttributeProto {
        name: "to".into(),
        i: element.into(),
        r#type: INT,
        ..AttributeProto::default()
    };
    node("Cast", &[input], output, vec![to])
}
