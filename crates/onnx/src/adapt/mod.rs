//! Brings the graph of a token classifier into one form: inputs of i64 `[batch, sequence]`, one
//! output of f32 `[batch, sequence, labels]`. Graphs that have it already stay as they are.

mod flow;
mod inputs;
mod output;

use std::collections::BTreeSet;

use crate::error::OnnxError;
use crate::inspect::{Part, visit_graph};
use crate::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, is_onnx};

/// Inputs that a token classifier can have.
pub const KNOWN_INPUTS: [&str; 4] =
    ["input_ids", "attention_mask", "token_type_ids", "position_ids"];

/// The oldest schema whose constants need not be inputs.
const IR_OF_CONSTANTS: i64 = 4;
const INT: i32 = 2;

/// How a token classifier's graph is to be computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoder {
    /// Names of its inputs, of [`KNOWN_INPUTS`].
    pub inputs: Vec<String>,
    /// Whether `attention_mask` has an influence on the output: without one, padding changes the
    /// labels of the tokens before it.
    pub masked: bool,
    /// The graph computes one sequence at a time.
    pub single: bool,
    /// Every sequence has to have this many tokens.
    pub length: Option<usize>,
    /// Rows of the smallest table that `input_ids` looks up, where that could be told.
    pub vocabulary: Option<usize>,
    /// Columns of the output, one for each label, where that could be told.
    pub columns: Option<usize>,
    /// Whether the graph was changed.
    pub changed: bool,
}

/// Adapts the graph of `model`, whose output has a column for each of `labels` labels, if that is
/// known.
///
/// # Errors
/// [`OnnxError`] naming the input or the outputs that do not fit.
pub fn adapt(model: &mut ModelProto, labels: Option<usize>) -> Result<Encoder, OnnxError> {
    let opset = model.opset();
    let graph = model.graph.as_mut();
    let graph = graph.ok_or_else(|| OnnxError::Graph("the file holds no graph".into()))?;
    let mut adapt = Adapt { graph, opset, changed: false, names: BTreeSet::new() };
    let dropped = adapt.drop_constant_inputs();
    let output = adapt.choose_output(labels)?;
    let masked = adapt.drop_unused_inputs(&output.name);
    adapt.check_inputs()?;
    let vocabulary = adapt.vocabulary();
    let shape = adapt.unify_shapes(&output)?;
    if let Some(length) = shape.length.filter(|_| !masked) {
        return Err(OnnxError::Graph(format!(
            "its inputs have a fixed length of {length} tokens and it does not use attention_mask, \
             so that shorter texts cannot be padded; export it with a dynamic sequence axis"
        )));
    }
    let columns = output.columns;
    adapt.cast_inputs();
    adapt.finish_output(output, &shape);
    let inputs = adapt.graph.input.iter().map(|input| input.name.clone()).collect();
    let changed = adapt.changed;
    if dropped {
        model.ir_version = model.ir_version.max(IR_OF_CONSTANTS);
    }
    let (single, length) = (shape.single, shape.length);
    Ok(Encoder { inputs, masked, single, length, vocabulary, columns, changed })
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
        let mut name = format!("{base}_{suffix}");
        let mut number = 0;
        while !self.names.insert(name.clone()) {
            number += 1;
            name = format!("{base}_{suffix}_{number}");
        }
        name
    }
}

/// Names of values and nodes in a graph and its subgraphs.
fn names(graph: &GraphProto) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    visit_graph(graph, &mut |part| match part {
        Part::Node(node) => {
            names.extend(node.input.iter().chain(&node.output).chain([&node.name]).cloned());
        }
        Part::Graph(graph) => {
            let values = graph.input.iter().chain(&graph.output);
            names.extend(values.map(|value| value.name.clone()));
        }
        Part::Tensor(tensor) => {
            names.insert(tensor.name.clone());
        }
    });
    names
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
