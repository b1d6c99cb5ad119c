//! What stands for ONNX Runtime in builds without it.

use crate::backend::{Backend, LoadOptions, Model, OnnxRuntimeOptions};
use crate::error::{Error, Result};

/// Inference by ONNX Runtime, of which there is none in this build.
#[derive(Debug)]
pub enum OnnxRuntime {}

impl OnnxRuntime {
    /// Fails, because this build does not support ONNX Runtime.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn new(_: OnnxRuntimeOptions) -> Result<Self> {
        let reason =
            "this build does not support ONNX Runtime; build it with --features onnxruntime";
        Err(Error::Unavailable(reason.to_owned()))
    }
}

impl Backend for OnnxRuntime {
    fn name(&self) -> &'static str {
        match *self {}
    }

    fn load(&self, _: &str, _: Vec<u8>, _: LoadOptions) -> Result<Box<dyn Model>> {
        match *self {}
    }
}
