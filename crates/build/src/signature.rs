use std::path::Path;

use pilotlight_model::GraphSignature;

/// Reads the inputs and outputs that an ONNX file declares, as
/// [`ModelFolder::detect`](pilotlight_model::ModelFolder::detect) wants to know them.
///
/// # Errors
/// The mistake, in words.
pub fn signature(path: &Path) -> Result<GraphSignature, String> {
    pilotlight_onnx::signature(path).map_err(|error| error.to_string())
}
