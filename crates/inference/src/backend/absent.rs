//! What stands for backends in builds without them.

use crate::backend::{Backend, LoadOptions, Model};
use crate::error::{Error, Result};

/// A backend that this build does not have: its name, its options, and the feature that adds it.
macro_rules! absent {
    ($name:ident, $options:ty, $what:literal, $feature:literal) => {
        #[doc = concat!("Inference by ", $what, ", which this build does not support.")]
        #[derive(Debug)]
        pub enum $name {}

        impl $name {
            /// Fails, because this build does not support it.
            ///
            /// # Errors
            /// [`Error::Unavailable`].
            pub fn new(_: $options) -> Result<Self> {
                let reason = concat!(
                    "this build does not support ",
                    $what,
                    "; build it with --features ",
                    $feature
                );
                Err(Error::Unavailable(reason.to_owned()))
            }
        }

        impl Backend for $name {
            fn name(&self) -> &'static str {
                match *self {}
            }

            fn load(&self, _: &str, _: Vec<u8>, _: LoadOptions) -> Result<Box<dyn Model>> {
                match *self {}
            }
        }
    };
}

#[cfg(not(feature = "native"))]
absent!(Native, crate::backend::NativeOptions, "the backend native", "native");
#[cfg(not(feature = "native"))]
absent!(Tract, &crate::device::Device, "tract", "native");
#[cfg(not(feature = "onnxruntime"))]
absent!(OnnxRuntime, crate::backend::OnnxRuntimeOptions, "ONNX Runtime", "onnxruntime");
