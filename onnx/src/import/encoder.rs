use bytes::Buf;
use tract_core::internal::*;
use tract_core::ops::array::{Gather, MultiBroadcastTo};

use super::lowering::{Lowered, graph_error, lower};
use crate::error::OnnxError;
use crate::file::decode;
use crate::fuse::fuse;
use crate::precision::Precision;
use crate::proto::ValueInfoProto;

/// Inputs of a BERT-family encoder, all i64 `[1, S]`.
const KNOWN_INPUTS: [&str; 3] = ["input_ids", "attention_mask", "token_type_ids"];

const MASK: &str = KNOWN_INPUTS[1];

/// A BERT-family encoder for one sequence.
pub struct Graph {
    /// One source `[1, S]` of i64 for each of `inputs`, one output.
    pub model: TypedModel,
    /// Names of the sources, in order.
    pub inputs: Vec<String>,
    /// Rows of the table that `input_ids` looks up, where that could be told.
    pub vocabulary: Option<usize>,
}

/// Parses the ONNX file of a BERT-family encoder and lowers its graph for one sequence without
/// padding, whose attention mask is taken to be ones whatever is given for it; products are
/// computed in `precision`.
///
/// # Errors
/// [`OnnxError`] naming the node or tensor, for anything malformed, unknown or absurd.
pub fn parse(file: impl Buf, precision: Precision) -> Result<Graph, OnnxError> {
    let mut lowered = lower(decode(file)?, source_fact, true)?;
    fill_mask(&mut lowered).map_err(graph_error)?;
    // tract's faster elementwise kernels want proof that there is something to compute: natively
    // the default model takes 8 % less time with it.
    lowered.model.symbols.add_assertion("S >= 1").map_err(graph_error)?;
    if !lowered.inputs.iter().any(|input| input.name == KNOWN_INPUTS[0]) {
        return Err(OnnxError::Graph("the graph has no input named input_ids".into()));
    }
    let logits = lowered.outputs.iter().find(|value| value.name == "logits");
    let output = logits.or(lowered.outputs.first()).map(|value| &value.name[..]);
    let outlet = lowered.value(output.unwrap_or_default())?;
    lowered.model.select_output_outlets(&[outlet]).map_err(graph_error)?;
    let vocabulary = vocabulary(&lowered);
    fuse(&mut lowered.model, precision)?;
    let inputs = lowered.inputs.into_iter().map(|input| input.name).collect();
    Ok(Graph { vocabulary, model: lowered.model, inputs })
}

/// Puts ones in the place of the attention mask: a sequence alone needs no padding.
fn fill_mask(lowered: &mut Lowered) -> TractResult<()> {
    let Ok(mask) = lowered.value(MASK) else { return Ok(()) };
    let mut patch = TypedModelPatch::default();
    let shape = lowered.model.outlet_fact(mask)?.shape.clone();
    let one = patch.add_const("attention_mask.one", Tensor::from_shape(&[1, 1], &[1i64])?)?;
    let ones = MultiBroadcastTo::new(shape);
    let ones = patch.wire_node("attention_mask.ones", ones, &[one])?[0];
    patch.shunt_outside(&lowered.model, mask, ones)?;
    patch.apply(&mut lowered.model)
}

fn source_fact(input: &ValueInfoProto, symbols: &SymbolScope) -> Result<TypedFact, OnnxError> {
    if !KNOWN_INPUTS.contains(&&input.name[..]) {
        let known = KNOWN_INPUTS.join(", ");
        return Err(OnnxError::Graph(format!("input {} is none of {known}", input.name)));
    }
    Ok(i64::fact(&[1.to_dim(), symbols.sym("S").to_dim()]))
}

/// The rows of the constant that the first gather of `input_ids` reads.
fn vocabulary(lowered: &Lowered) -> Option<usize> {
    let ids = lowered.value(KNOWN_INPUTS[0]).ok()?;
    let mut nodes = lowered.model.nodes().iter();
    let gather = nodes.find(|node| node.inputs.get(1) == Some(&ids) && node.op_is::<Gather>())?;
    let table = lowered.model.outlet_fact(*gather.inputs.first()?).ok()?;
    table.shape.to_tvec().first()?.to_usize().ok()
}
