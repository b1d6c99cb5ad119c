//! Rewrites ONNX graphs to other precisions, for engines that read ONNX. After an error the model is unusable.
//! Only the main graph is rewritten, neither subgraphs nor functions.
//! Used by `ragged` and by other crates. Does not know engines.

mod attention;
mod dynamic;
mod edit;
mod expand;
mod quantize;
mod rotate;

use prost::Message as _;

use crate::error::OnnxError;
use crate::proto::{ModelProto, OperatorSetIdProto};
use attention::products_of_attention;
use edit::Edit;
use expand::Expand;
use quantize::{CONTRIB, Quantize};

/// Raised with every change of what is written: files of older revisions are not to be used any
/// more.
pub const REVISION: u32 = 4;

/// The oldest operator set whose `Add` broadcasts.
const OPSET_OF_BROADCASTING: i64 = 7;
/// The oldest operator set whose `Max` broadcasts and whose axes count from the end.
const OPSET_OF_QUANTIZATION: i64 = 11;
/// The oldest schema whose constants need not be inputs.
const IR_OF_CONSTANTS: i64 = 4;
/// No reader of protocol buffers takes more.
const LARGEST_FILE: usize = i32::MAX as usize;

/// Expands block-quantized weights (`MatMulNBits`) to f32, and drops constants without use.
///
/// # Errors
/// [`OnnxError`] naming the node or tensor.
pub fn to_f32(model: &mut ModelProto) -> Result<(), OnnxError> {
    let readable = require(model, OPSET_OF_BROADCASTING);
    let mut edit = Edit::new(model)?;
    let mut expand = Expand::default();
    for node in edit.take_nodes() {
        if Expand::applies(&node) {
            readable.as_ref().map_err(|reason| node.refuse(reason))?;
            expand.rewrite(&mut edit, node)?;
        } else {
            edit.push(node);
        }
    }
    edit.finish();
    check_size(model)
}

/// Quantizes constant f32 weights of `MatMul` and `Gemm` to signed bytes, one scale for each
/// output, and activations to unsigned bytes while computing, one scale for each row; both are
/// rotated before, so that large channels cost the others no accuracy. What [`to_f32`] expands
/// counts. Products with few outputs and those that attention is made of stay in f32. For ONNX
/// Runtime, one of whose own operators it uses.
///
/// # Errors
/// [`OnnxError`] naming the node or tensor.
pub fn to_int8(model: &mut ModelProto) -> Result<(), OnnxError> {
    require(model, OPSET_OF_QUANTIZATION).map_err(OnnxError::Graph)?;
    to_f32(model)?;
    let opset = model.opset();
    let mut edit = Edit::new(model)?;
    let mut quantize = Quantize::new(opset, products_of_attention(&edit));
    for node in edit.take_nodes() {
        quantize.rewrite(&mut edit, node)?;
    }
    edit.finish();
    if quantize.applied() && !model.opset_import.iter().any(|set| set.domain == CONTRIB) {
        model.opset_import.push(OperatorSetIdProto { domain: CONTRIB.into(), version: 1 });
    }
    check_size(model)
}

/// Makes products of floats of those that quantize their input while they compute (`MatMulInteger` of
/// `DynamicQuantizeLinear`, scaled): for kernels that quantize by themselves, with less error.
///
/// # Errors
/// [`OnnxError`] naming the node.
pub fn undo_dynamic_quantization(model: &mut ModelProto) -> Result<(), OnnxError> {
    let mut edit = Edit::new(model)?;
    dynamic::undo(&mut edit)?;
    edit.finish();
    if let Some(graph) = &mut model.graph {
        dynamic::drop_unused(graph);
    }
    Edit::new(model)?.finish();
    Ok(())
}

fn require(model: &ModelProto, opset: i64) -> Result<(), String> {
    let (found, schema) = (model.opset(), model.ir_version);
    if found < opset {
        return Err(format!("operator set {found} cannot be rewritten; {opset} is the oldest"));
    }
    if schema < IR_OF_CONSTANTS {
        return Err(format!("IR {schema} cannot be rewritten; {IR_OF_CONSTANTS} is the oldest"));
    }
    Ok(())
}

/// Refuses a model that no reader of protocol buffers takes.
///
/// # Errors
/// [`OnnxError::Graph`] with the size.
pub fn check_size(model: &ModelProto) -> Result<(), OnnxError> {
    let size = model.encoded_len();
    if size > LARGEST_FILE {
        return Err(OnnxError::Graph(format!("{size} bytes are more than an ONNX file may have")));
    }
    Ok(())
}
