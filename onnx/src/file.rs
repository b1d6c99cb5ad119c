use bytes::Bytes;
use prost::Message as _;

use crate::error::OnnxError;
use crate::inspect::refuse_external_data;
use crate::proto::ModelProto;

/// Reads an ONNX file.
///
/// # Errors
/// [`OnnxError::Malformed`], or [`OnnxError::ExternalData`] for a tensor anywhere in it whose
/// data is elsewhere.
pub fn decode(file: Bytes) -> Result<ModelProto, OnnxError> {
    let model = ModelProto::decode(file)?;
    refuse_external_data(&model)?;
    Ok(model)
}

/// Writes an ONNX file.
pub fn encode(model: &ModelProto) -> Vec<u8> {
    model.encode_to_vec()
}
