use bytes::Buf;
use tract_core::internal::*;
use tract_core::ops::array::MultiBroadcastTo;

use super::lowering::{Lowered, graph_error, lower};
use super::whole::declared_sizes;
use crate::adapt::{Encoder, KNOWN_INPUTS, adapt};
use crate::error::OnnxError;
use crate::file::decode;
use crate::fuse::fuse;
use crate::precision::Precision;
use crate::proto::{ModelProto, ValueInfoProto};
use crate::shape::check_volume;
use crate::widen::widen_halves;

const MASK: &str = KNOWN_INPUTS[1];

/// A token classifier for one sequence.
pub struct Graph {
    /// One source `[1, S]` of i64 for each of `inputs`, one output of f32 `[1, S, labels]`.
    pub model: TypedModel,
    /// Names of the sources, in order.
    pub inputs: Vec<String>,
    /// The only S there is; then the attention mask says where the padding is.
    pub length: Option<usize>,
    /// Rows of the smallest table that `input_ids` looks up, where that could be told.
    pub vocabulary: Option<usize>,
}

/// Parses the ONNX file of a token classifier and lowers its graph, as [`lower_encoder`] does.
///
/// # Errors
/// [`OnnxError`] naming the node or tensor, for anything malformed, unknown or absurd.
pub fn parse(file: impl Buf, precision: Precision) -> Result<Graph, OnnxError> {
    lower_encoder(decode(file)?, None, precision)
}

/// Lowers the graph of a token classifier that has a column for each of `labels` labels, if that
/// is known, for one sequence. Products are computed in `precision`. Unless its length is fixed,
/// the sequence has no padding, and its attention mask is taken to be ones whatever is given for it.
///
/// # Errors
/// [`OnnxError`] naming the node or tensor, for anything malformed, unknown or absurd.
pub fn lower_encoder(
    mut model: ModelProto,
    labels: Option<usize>,
    precision: Precision,
) -> Result<Graph, OnnxError> {
    widen_halves(&mut model);
    let Encoder { length, vocabulary, .. } = adapt(&mut model, labels)?;
    let mut lowered = lower(model, source_fact, true)?;
    if length.is_none() {
        fill_mask(&mut lowered).map_err(graph_error)?;
    }
    // tract's faster elementwise kernels want proof that there is something to compute: natively
    // the default model takes 8 % less time with it.
    lowered.model.symbols.add_assertion("S >= 1").map_err(graph_error)?;
    let output = lowered.outputs.first().map(|value| &value.name[..]);
    let outlet = lowered.value(output.unwrap_or_default())?;
    lowered.model.select_output_outlets(&[outlet]).map_err(graph_error)?;
    fuse(&mut lowered.model, precision)?;
    let inputs = lowered.inputs.into_iter().map(|input| input.name).collect();
    Ok(Graph { model: lowered.model, inputs, length, vocabulary })
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

/// `[1, S]`, or `[1, length]` where the graph fixes it.
fn source_fact(input: &ValueInfoProto, symbols: &SymbolScope) -> Result<TypedFact, OnnxError> {
    let fixed = declared_sizes(input).and_then(|sizes| sizes.get(1).copied().flatten());
    let length = fixed.map_or_else(|| symbols.sym("S").to_dim(), |size| size.to_dim());
    let fact = i64::fact(&[1.to_dim(), length]);
    check_volume(&fact.shape.to_tvec(), fact.datum_type).map_err(graph_error)?;
    Ok(fact)
}
