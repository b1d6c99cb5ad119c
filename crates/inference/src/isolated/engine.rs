use std::ffi::OsString;

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
    OnnxRuntime(WantedOnnxRuntime),
    Native { device: String, instructions: String, onnxruntime: Option<WantedOnnxRuntime> },
}

/// [`OnnxRuntimeOptions`] in a message.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WantedOnnxRuntime {
    device: String,
    library: Option<OsString>,
    threads: u32,
}

impl From<&Engine> for Wanted {
    fn from(engine: &Engine) -> Self {
        match engine {
            Engine::Tract(device) => Self::Tract { device: device.to_string() },
            Engine::OnnxRuntime(options) => Self::OnnxRuntime(options.into()),
            // The other process has no files.
            Engine::Native(NativeOptions { device, instructions, onnxruntime, weights: _ }) => {
                Self::Native {
                    device: device.to_string(),
                    instructions: instructions.to_string(),
                    onnxruntime: onnxruntime.as_ref().map(Into::into),
                }
            }
        }
    }
}

impl From<&OnnxRuntimeOptions> for WantedOnnxRuntime {
    fn from(options: &OnnxRuntimeOptions) -> Self {
        let OnnxRuntimeOptions { library, device, threads } = options;
        let library = library.clone().map(Into::into);
        Self { device: device.to_string(), library, threads: u32::try_from(*threads).unwrap_or(0) }
    }
}

impl TryFrom<Wanted> for Engine {
    type Error = Error;

    fn try_from(wanted: Wanted) -> Result<Self> {
        Ok(match wanted {
            Wanted::Tract { device } => Self::Tract(known_device(&device)?),
            Wanted::OnnxRuntime(wanted) => Self::OnnxRuntime(wanted.try_into()?),
            Wanted::Native { device, instructions, onnxruntime } => Self::Native(NativeOptions {
                device: known_device(&device)?,
                instructions: instructions.parse().map_err(Error::Unavailable)?,
                onnxruntime: onnxruntime.map(TryInto::try_into).transpose()?,
                weights: None,
            }),
        })
    }
}

impl TryFrom<WantedOnnxRuntime> for OnnxRuntimeOptions {
    type Error = Error;

    fn try_from(wanted: WantedOnnxRuntime) -> Result<Self> {
        let WantedOnnxRuntime { device, library, threads } = wanted;
        let (library, threads) = (library.map(Into::into), threads as usize);
        Ok(Self { library, device: known_device(&device)?, threads })
    }
}

fn known_device(device: &str) -> Result<Device> {
    device.parse().map_err(|reason| Error::Unavailable(format!("{device}: {reason}")))
}
