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

use std::sync::Arc;

use pilotlight_kernels::InstructionSet;
use pilotlight_onnx::ragged::{Ragged, RowStep, Stage};
use pilotlight_onnx::{Precision, decode};

use self::fallback::Fallback;
use self::model::NativeModel;
use self::shared::Shared;
use crate::backend::{Backend, LoadOptions, Model, OnnxRuntimeOptions};
use crate::device::Device;
use crate::error::{Error, Result};

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
}

impl Default for NativeOptions {
    fn default() -> Self {
        let (device, instructions) = (Device::default(), InstructionSet::available());
        Self { device, instructions, onnxruntime: None }
    }
}

/// Inference by kernels of our own, on the processor.
#[derive(Debug)]
pub struct Native {
    set: InstructionSet,
    shared: Shared,
    fallback: Fallback,
}

impl Native {
    /// The backend.
    ///
    /// # Errors
    /// [`Error::Unavailable`] for a device other than the processor.
    pub fn new(options: NativeOptions) -> Result<Self> {
        let NativeOptions { device, instructions, onnxruntime } = options;
        if !device.is_cpu() {
            let message =
                format!("native supports only the device cpu, not {device}; use onnxruntime");
            return Err(Error::Unavailable(message));
        }
        let set = InstructionSet::with_at_most(instructions);
        Ok(Self { set, shared: Shared::default(), fallback: Fallback::new(onnxruntime) })
    }

    /// An encoder, or why it is none.
    fn encoder(
        &self,
        file: &[u8],
        precision: Precision,
    ) -> std::result::Result<Arc<NativeModel>, String> {
        let model = decode(file).map_err(|error| error.to_string())?;
        let plan = Ragged::new(model, precision, self.set).map_err(|error| error.to_string())?;
        let [ours, others] = plan.work;
        if ours <= others {
            return Err("most of it consists of operators without a native kernel".to_owned());
        }
        // Graphs that quantize while they compute have some around each product.
        let (products, fragments) = parts(&plan);
        if 2 * fragments > products {
            return Err(format!("it has {fragments} parts between {products} products"));
        }
        let encoder = Arc::new(NativeModel::new(plan, self.set)?);
        encoder.check().map_err(|error| format!("it cannot be split: {error}"))?;
        Ok(encoder)
    }
}

/// How many products and fragments a plan has.
fn parts(plan: &Ragged) -> (usize, usize) {
    plan.stages.iter().fold((0, 0), |(products, fragments), stage| match stage {
        Stage::Rows(steps) => {
            let linear = |step: &&RowStep| matches!(step, RowStep::Linear { .. });
            (products + steps.iter().filter(linear).count(), fragments)
        }
        Stage::Attend(_) => (products, fragments),
        Stage::Fragment(_) => (products, fragments + 1),
    })
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
        let make = || self.encoder(&file, precision);
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
        self.encoder(file, Precision::F32).is_ok()
    }

    fn share_cores(&self, running: usize) {
        self.fallback.share_cores(running);
    }
}
