//! The backend `native`: computes the tokens of all calls in a batch together, without padding.
//! `calls → ragged batch → stages of a plan → outputs`. Other graphs go to a fallback backend (`fallback.rs`).
//! Used through the trait of backends. Does not know queues or HTTP.

mod arena;
mod attend;
mod cost;
mod fallback;
mod fragment;
mod layout;
mod model;
mod outputs;
mod ragged_batch;
mod rows;
mod shared;
mod stored;

use std::sync::Arc;

use pilotlight_kernels::InstructionSet;
use pilotlight_onnx::ragged::{Outline, Ragged};
use pilotlight_onnx::{Precision, decode};

use self::fallback::Fallback;
use self::model::NativeModel;
use self::shared::Shared;
use self::stored::Stored;
use crate::backend::{Backend, LoadOptions, Model, OnnxRuntimeOptions};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::weight_store::{WeightStore, WeightsOrigin};

/// Options of the native backend.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NativeOptions {
    /// Device for inference: only the CPU is supported.
    pub device: Device,
    /// The fastest instructions that are used, if the processor has them.
    pub instructions: InstructionSet,
    /// ONNX Runtime for graphs that are no encoders, or that it computes faster as somebody has measured. Where its
    /// library is neither named nor found, tract computes what is no encoder. Without, tract does so
    /// and encoders are never left to others.
    pub onnxruntime: Option<OnnxRuntimeOptions>,
    /// Where packed weights are kept as files. They are mapped from there by all processes that have the same store.
    /// Without, each process packs them into its memory.
    pub weights: Option<Arc<dyn WeightStore>>,
}

impl Default for NativeOptions {
    fn default() -> Self {
        let (device, instructions) = (Device::default(), InstructionSet::available());
        Self { device, instructions, onnxruntime: None, weights: None }
    }
}

/// Inference by kernels of our own, on the processor.
#[derive(Debug)]
pub struct Native {
    set: InstructionSet,
    shared: Shared,
    fallback: Fallback,
    weights: Option<Arc<dyn WeightStore>>,
}

impl Native {
    /// The backend.
    ///
    /// # Errors
    /// [`Error::Unavailable`] for a device other than the processor.
    pub fn new(options: NativeOptions) -> Result<Self> {
        let NativeOptions { device, instructions, onnxruntime, weights } = options;
        if !device.is_cpu() {
            let message =
                format!("native supports only the device cpu, not {device}; use onnxruntime");
            return Err(Error::Unavailable(message));
        }
        let set = InstructionSet::with_at_most(instructions);
        let (shared, fallback) = (Shared::default(), Fallback::new(onnxruntime));
        Ok(Self { set, shared, fallback, weights })
    }

    /// An encoder with weights that are packed or come from `stored`, or why it is none.
    fn encoder(
        &self,
        file: &[u8],
        precision: Precision,
        stored: Option<Stored<'_>>,
    ) -> std::result::Result<Arc<NativeModel>, String> {
        let model = decode(file).map_err(|error| error.to_string())?;
        let mut origin = WeightsOrigin::Packed;
        let plan = Ragged::with_weights(model, precision, self.set, |outline| {
            check(outline)?;
            let Some(stored) = stored else { return outline.pack() };
            let (weights, from) = stored.weights(outline)?;
            origin = from;
            Ok(weights)
        });
        let plan = plan.map_err(|error| error.to_string())?;
        let encoder = Arc::new(NativeModel::new(plan, self.set, origin)?);
        encoder.check().map_err(|error| format!("it cannot be split: {error}"))?;
        Ok(encoder)
    }

    /// The same with weights from the store, if there is one and they may be kept there.
    fn loaded_encoder(
        &self,
        file: &[u8],
        options: LoadOptions,
        digest: &[u8; 32],
    ) -> std::result::Result<Arc<NativeModel>, String> {
        let precision = options.precision;
        let store = self.weights.as_deref().filter(|_| options.store_weights);
        let Some(store) = store else { return self.encoder(file, precision, None) };
        let name = stored::name(digest, precision, self.set);
        self.encoder(file, precision, Some(Stored { store, name: &name }))
    }
}

/// Refuses graphs that kernels of our own would not compute faster.
fn check(outline: &Outline<'_>) -> std::result::Result<(), String> {
    let [ours, others] = outline.work;
    let (products, fragments) = (outline.products, outline.fragments);
    if ours <= others {
        return Err("most of it consists of operators without a native kernel".to_owned());
    }
    // Graphs that quantize while they compute have some around each product.
    if 2 * fragments > products {
        return Err(format!("it has {fragments} parts between {products} products"));
    }
    Ok(())
}

impl Backend for Native {
    fn name(&self) -> &'static str {
        "native"
    }

    fn load(&self, name: &str, file: Vec<u8>, options: LoadOptions) -> Result<Box<dyn Model>> {
        if let Some(other) = self.fallback.measured(options.engine)? {
            return other.load(name, file, options);
        }
        let precision = options.precision;
        let make = |digest: &[u8; 32]| self.loaded_encoder(&file, options, digest);
        match self.shared.get_or_make(&file, precision, make) {
            Ok(encoder) => Ok(Box::new(encoder)),
            Err(reason) => {
                let others = self.fallback.open()?;
                let engine = others.name();
                tracing::info!(graph = name, engine, %reason, "the graph has no native kernels");
                others.load(name, file, options)
            }
        }
    }

    fn packs(&self, file: &[u8]) -> bool {
        self.encoder(file, Precision::F32, None).is_ok()
    }

    fn share_cores(&self, running: usize) {
        self.fallback.share_cores(running);
    }
}
