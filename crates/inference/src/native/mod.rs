//! Encoders on kernels of our own: the tokens of all calls of a batch are computed together, whatever their lengths.
//!
//! `call → company (sequences without padding) → stages of a plan → outputs`. What is no encoder, or has
//! most of its work in operators that no kernel of ours computes, is left to tract.

mod arena;
mod attend;
mod company;
mod cost;
mod fragment;
mod layout;
mod model;
mod outputs;
mod rows;

use pilotlight_kernels::InstructionSet;
use pilotlight_onnx::ragged::Ragged;
use pilotlight_onnx::{Precision, decode};

use self::model::NativeModel;
use crate::backend::{Backend, Model, Tract};
use crate::device::Device;
use crate::error::{Error, Result};

/// How the native backend computes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NativeOptions {
    /// What to compute on: the processor.
    pub device: Device,
    /// Numbers that products with constant weights are computed in. Blocks of 4 bits are taken from the file where
    /// it has them; graphs that are left to tract are computed in f32.
    pub precision: Precision,
    /// The fastest instructions that are used, if the processor has them.
    pub instructions: InstructionSet,
}

impl Default for NativeOptions {
    fn default() -> Self {
        Self {
            device: Device::default(),
            precision: Precision::F32,
            instructions: InstructionSet::available(),
        }
    }
}

/// Inference by kernels of our own, on the processor.
#[derive(Debug)]
pub struct Native {
    precision: Precision,
    set: InstructionSet,
    others: Tract,
}

impl Native {
    /// The backend.
    ///
    /// # Errors
    /// [`Error::Unavailable`] for a device other than the processor.
    pub fn new(options: NativeOptions) -> Result<Self> {
        let NativeOptions { device, precision, instructions } = options;
        if !device.is_cpu() {
            let message = format!("native computes on the cpu, not on {device}; use onnxruntime");
            return Err(Error::Unavailable(message));
        }
        let set = InstructionSet::with_at_most(instructions);
        Ok(Self { precision, set, others: Tract::new(&device)? })
    }

    /// The plan of an encoder, or why there is none.
    fn plan(&self, file: &[u8]) -> std::result::Result<Ragged, String> {
        let model = decode(file).map_err(|error| error.to_string())?;
        let plan =
            Ragged::new(model, self.precision, self.set).map_err(|error| error.to_string())?;
        let [ours, others] = plan.work;
        if ours > others {
            return Ok(plan);
        }
        Err("most of it is computed by operators that have no kernel here".to_owned())
    }
}

impl Backend for Native {
    fn name(&self) -> &'static str {
        "native"
    }

    fn load(&self, name: &str, file: Vec<u8>) -> Result<Box<dyn Model>> {
        match self.plan(&file) {
            Ok(plan) => {
                let invalid = |reason| Error::InvalidGraph { graph: name.to_owned(), reason };
                Ok(Box::new(NativeModel::new(plan, self.set).map_err(invalid)?))
            }
            Err(reason) => {
                tracing::info!(graph = name, %reason, "the graph is computed by tract");
                self.others.load(name, file)
            }
        }
    }
}
