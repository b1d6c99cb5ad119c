use std::ffi::OsString;

use pilotlight_kernels::InstructionSet;
use serde::{Deserialize, Serialize};

use crate::backend::{Backend, OnnxRuntime, OnnxRuntimeOptions, Tract};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::native::{Native, NativeOptions};

/// A backend before it is started, here or in a process of its own.
#[derive(Debug, Clone)]
pub enum Engine {
    /// [`Tract`], on a device.
    Tract(Device),
    /// [`OnnxRuntime`].
    OnnxRuntime(OnnxRuntimeOptions),
    /// [`Native`].
    Native(NativeOptions),
}

impl Engine {
    /// Starts it in this process.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it is not to be had here.
    pub fn open(self) -> Result<Box<dyn Backend>> {
        Ok(match self {
            Self::Tract(device) => Box::new(Tract::new(&device)?),
            Self::OnnxRuntime(options) => Box::new(OnnxRuntime::new(options)?),
            Self::Native(options) => Box::new(Native::new(options)?),
        })
    }

    /// What the backend is called.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Tract(_) => "tract",
            Self::OnnxRuntime(_) => "onnxruntime",
            Self::Native(_) => "native",
        }
    }
}

/// The name of an engine that another process names.
pub(super) fn known(name: &str) -> &'static str {
    let known = ["tract", "onnxruntime", "native"];
    known.into_iter().find(|known| *known == name).unwrap_or("unknown")
}

/// An [`Engine`] in a message.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Wanted {
    Tract { device: String },
    OnnxRuntime { device: String, library: Option<OsString>, threads: u32 },
    Native { device: String, precision: String, instructions: String },
}

impl From<&Engine> for Wanted {
    fn from(engine: &Engine) -> Self {
        match engine {
            Engine::Tract(device) => Self::Tract { device: device.to_string() },
            Engine::OnnxRuntime(OnnxRuntimeOptions { library, device, threads }) => {
                let library = library.clone().map(Into::into);
                let threads = u32::try_from(*threads).unwrap_or(0);
                Self::OnnxRuntime { device: device.to_string(), library, threads }
            }
            Engine::Native(NativeOptions { device, precision, instructions }) => Self::Native {
                device: device.to_string(),
                precision: precision.to_string(),
                instructions: instructions.to_string(),
            },
        }
    }
}

impl TryFrom<Wanted> for Engine {
    type Error = Error;

    fn try_from(wanted: Wanted) -> Result<Self> {
        let known = |device: String| -> Result<Device> {
            device.parse().map_err(|reason| Error::Unavailable(format!("{device}: {reason}")))
        };
        match wanted {
            Wanted::Tract { device } => Ok(Self::Tract(known(device)?)),
            Wanted::OnnxRuntime { device, library, threads } => {
                let library = library.map(Into::into);
                let (device, threads) = (known(device)?, threads as usize);
                Ok(Self::OnnxRuntime(OnnxRuntimeOptions { library, device, threads }))
            }
            Wanted::Native { device, precision, instructions } => {
                let known_precision = precision.parse().map_err(Error::Unavailable);
                let mut sets = InstructionSet::ALL.iter().copied();
                let set = sets.find(|set| set.name() == instructions);
                Ok(Self::Native(NativeOptions {
                    device: known(device)?,
                    precision: known_precision?,
                    instructions: set.unwrap_or_else(InstructionSet::available),
                }))
            }
        }
    }
}
