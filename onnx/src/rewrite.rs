//! Graphs in other precisions, for engines that read ONNX.

use crate::error::OnnxError;
use crate::proto::ModelProto;

/// Expands block-quantised weights to f32.
///
/// # Errors
/// [`OnnxError`] naming the node or tensor.
pub fn to_f32(_model: &mut ModelProto) -> Result<(), OnnxError> {
    Err(OnnxError::Graph("cannot be rewritten to f32 yet".into()))
}

/// Quantises constant weights to signed bytes, and activations while computing.
///
/// # Errors
/// [`OnnxError`] naming the node or tensor.
pub fn to_int8(_model: &mut ModelProto) -> Result<(), OnnxError> {
    Err(OnnxError::Graph("cannot be rewritten to int8 yet".into()))
}
