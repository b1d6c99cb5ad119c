use bytes::Buf;
use pilotlight_model::InputRole;
use tract_core::internal::*;
use tract_core::ops::array::MultiBroadcastTo;
use tract_core::ops::cast::wire_cast;

use super::lowering::{Lowered, graph_error, lower};
use super::whole::declared_sizes;
#[cfg(not(target_family = "wasm"))]
use super::whole::{Port, input_port};
use crate::adapt::{Encoder, EncoderOutput, Wanted, adapt};
use crate::error::OnnxError;
use crate::file::decode;
use crate::fuse::fuse;
use crate::precision::Precision;
use crate::proto::{ModelProto, ValueInfoProto};
use crate::shape::check_volume;
use crate::widen::widen_halves;

/// An encoder for one sequence.
pub struct Graph {
    /// One source of i64 for each of `inputs`, `[1, S]` or for lengths `[1]`; one output of f32
    /// for each of `outputs`, `[1, S, n]`, `[1, S]` or `[1, n]`.
    pub model: TypedModel,
    /// Names of the sources, in order.
    pub inputs: Vec<String>,
    /// The outputs, in order.
    pub outputs: Vec<EncoderOutput>,
    /// The only S there is; then the attention mask says where the padding is.
    pub length: Option<usize>,
    /// Rows of the smallest table that token ids look up, where that could be told.
    pub vocabulary: Option<usize>,
}

/// Parses the ONNX file of a token classifier and lowers its graph, as [`lower_encoder`] does.
///
/// # Errors
/// [`OnnxError`] naming the node or tensor, for anything malformed, unknown or absurd.
pub fn parse(file: impl Buf, precision: Precision) -> Result<Graph, OnnxError> {
    lower_encoder(decode(file)?, &Wanted::PerToken { columns: None }, precision)
}

/// Lowers the graph of an encoder, with the outputs that are `wanted`, for one sequence. Products
/// are computed in `precision`. Unless its length is fixed, the sequence has no padding, and its
/// attention mask is taken to be ones whatever is given for it.
///
/// # Errors
/// [`OnnxError`] naming the node or tensor, for anything malformed, unknown or absurd.
pub fn lower_encoder(
    model: ModelProto,
    wanted: &Wanted,
    precision: Precision,
) -> Result<Graph, OnnxError> {
    let Unfused { mut lowered, encoder } = lower_unfused(model, wanted)?;
    fuse(&mut lowered.model, precision)?;
    let Encoder { length, vocabulary, outputs, .. } = encoder;
    let inputs = lowered.inputs.into_iter().map(|input| input.name).collect();
    Ok(Graph { model: lowered.model, inputs, outputs, length, vocabulary })
}

/// An encoder for one sequence before patterns are looked for in it.
pub(crate) struct Unfused {
    pub(super) lowered: Lowered,
    pub(crate) encoder: Encoder,
}

impl Unfused {
    /// The graph, and its inputs as they are declared.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn parts(self) -> Result<(TypedModel, Vec<Port>, Encoder), OnnxError> {
        let inputs = self.lowered.inputs.iter().map(input_port).collect::<Result<_, _>>()?;
        Ok((self.lowered.model, inputs, self.encoder))
    }
}

/// Lowers the graph of an encoder up to what [`fuse`] begins with.
pub(crate) fn lower_unfused(mut model: ModelProto, wanted: &Wanted) -> Result<Unfused, OnnxError> {
    widen_halves(&mut model);
    let mut encoder = adapt(&mut model, wanted)?;
    let mut lowered = lower(model, source_fact, true)?;
    if encoder.length.is_none() {
        fill_masks(&mut lowered).map_err(graph_error)?;
    }
    // tract's faster elementwise kernels want proof that there is something to compute: natively
    // the default model takes 8 % less time with it.
    lowered.model.symbols.add_assertion("S >= 1").map_err(graph_error)?;
    let outlets = encoder.outputs.iter().map(|output| floats(&mut lowered, &output.name));
    let outlets = outlets.collect::<Result<Vec<_>, _>>()?;
    lowered.model.select_output_outlets(&outlets).map_err(graph_error)?;
    if !matches!(wanted, Wanted::PerToken { .. }) {
        describe(&lowered, encoder.length, &mut encoder.outputs)?;
    }
    Ok(Unfused { lowered, encoder })
}

/// An output as f32.
fn floats(lowered: &mut Lowered, name: &str) -> Result<OutletId, OnnxError> {
    let outlet = lowered.value(name)?;
    let cast = wire_cast(format!("{name}.f32"), &mut lowered.model, &[outlet], f32::datum_type());
    Ok(cast.map_err(graph_error)?[0])
}

/// Tells from the shapes that are computed what the outputs are.
fn describe(
    lowered: &Lowered,
    length: Option<usize>,
    outputs: &mut [EncoderOutput],
) -> Result<(), OnnxError> {
    let sequence = length.map_or_else(|| lowered.model.symbols.sym("S").to_dim(), |l| l.to_dim());
    for (index, output) in outputs.iter_mut().enumerate() {
        let shape = lowered.model.output_fact(index).map_err(graph_error)?.shape.to_tvec();
        let columns = |dim: &TDim| dim.to_usize().ok();
        let declared = output.per_token;
        (output.per_token, output.columns) = match &shape[..] {
            [one, tokens, last] if one.is_one() && *tokens == sequence => (true, columns(last)),
            [one, last] if one.is_one() && *last == sequence && (declared || length.is_none()) => {
                (true, Some(1))
            }
            [one, last] if one.is_one() && columns(last).is_some() => (false, columns(last)),
            _ => {
                let reason = format!(
                    "output {} is {shape:?}, which is no row for each token or each text",
                    output.name
                );
                return Err(OnnxError::Graph(reason));
            }
        };
    }
    Ok(())
}

/// Puts ones in the place of attention masks: a sequence alone needs no padding.
fn fill_masks(lowered: &mut Lowered) -> TractResult<()> {
    let inputs = lowered.inputs.iter().map(|input| input.name.clone());
    let masks = inputs.filter(|name| InputRole::of(name) == Some(InputRole::Mask));
    for name in masks.collect::<Vec<_>>() {
        let mask = lowered.value(&name)?;
        let mut patch = TypedModelPatch::default();
        let shape = lowered.model.outlet_fact(mask)?.shape.clone();
        let one = patch.add_const(format!("{name}.one"), Tensor::from_shape(&[1, 1], &[1i64])?)?;
        let ones = MultiBroadcastTo::new(shape);
        let ones = patch.wire_node(format!("{name}.ones"), ones, &[one])?[0];
        patch.shunt_outside(&lowered.model, mask, ones)?;
        patch.apply(&mut lowered.model)?;
    }
    Ok(())
}

/// `[1, S]`, or `[1, length]` where the graph fixes it; `[1]` for lengths.
fn source_fact(input: &ValueInfoProto, symbols: &SymbolScope) -> Result<TypedFact, OnnxError> {
    if InputRole::of(&input.name) == Some(InputRole::Length) {
        return Ok(i64::fact([1]));
    }
    let fixed = declared_sizes(input).and_then(|sizes| sizes.get(1).copied().flatten());
    let length = fixed.map_or_else(|| symbols.sym("S").to_dim(), |size| size.to_dim());
    let fact = i64::fact(&[1.to_dim(), length]);
    check_volume(&fact.shape.to_tvec(), fact.datum_type).map_err(graph_error)?;
    Ok(fact)
}
