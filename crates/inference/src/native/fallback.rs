//! What computes graphs that are no encoders.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};

use crate::backend::{Backend, EngineKind, OnnxRuntime, OnnxRuntimeOptions, Tract};
use crate::device::Device;
use crate::error::Result;

/// ONNX Runtime or tract, which is opened when the first graph needs it.
pub(super) struct Fallback {
    onnxruntime: Option<OnnxRuntimeOptions>,
    opened: OnceLock<Arc<dyn Backend>>,
    /// Held by whoever opens it.
    opening: Mutex<()>,
}

impl Fallback {
    pub(super) fn new(onnxruntime: Option<OnnxRuntimeOptions>) -> Self {
        Self { onnxruntime, opened: OnceLock::new(), opening: Mutex::new(()) }
    }

    /// # Errors
    /// When a library of ONNX Runtime is named that cannot be loaded.
    pub(super) fn open(&self) -> Result<&Arc<dyn Backend>> {
        let _opening = self.opening.lock();
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let opened = open(self.onnxruntime.clone())?;
        Ok(self.opened.get_or_init(|| opened))
    }

    /// Another engine that computes a graph best, if it may be used and is to be had.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub(super) fn measured(&self, best: Option<EngineKind>) -> Result<Option<Arc<dyn Backend>>> {
        match best {
            _ if self.onnxruntime.is_none() => Ok(None),
            None | Some(EngineKind::Native) => Ok(None),
            Some(EngineKind::Tract) => Ok(Some(Arc::new(Tract::new(&Device::default())?))),
            Some(EngineKind::OnnxRuntime) => {
                let opened = Arc::clone(self.open()?);
                let is_found = opened.name() == EngineKind::OnnxRuntime.name();
                if !is_found {
                    tracing::info!(
                        "ONNX Runtime would be the fastest backend for this graph, but it was not \
                         found"
                    );
                }
                Ok(is_found.then_some(opened))
            }
        }
    }

    pub(super) fn share_cores(&self, running: usize) {
        if let Some(opened) = self.opened.get() {
            opened.share_cores(running);
        }
    }
}

impl fmt::Debug for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.opened.get().map(|backend| backend.name());
        f.debug_struct("Fallback").field("opened", &name).finish()
    }
}

fn open(onnxruntime: Option<OnnxRuntimeOptions>) -> Result<Arc<dyn Backend>> {
    let tract = || Ok(Arc::new(Tract::new(&Device::default())?) as Arc<dyn Backend>);
    let Some(options) = onnxruntime else { return tract() };
    let named = options.library.is_some();
    match OnnxRuntime::new(options) {
        // Nobody asked for it: what is always there does it.
        Err(error) if !named => {
            tracing::info!(reason = %error, "computing with tract");
            tract()
        }
        opened => Ok(Arc::new(opened?)),
    }
}
