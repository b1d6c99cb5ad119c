//! What computes inside the library: its execution providers, by their short names.

use std::ffi::{CStr, c_char, c_int};

use ort::ep::{ArenaExtendStrategy, CUDA, ExecutionProviderDispatch, OpenVINO, TensorRT};
use ort::session::Session;

use crate::backend::onnxruntime::message::short;
use crate::backend::onnxruntime::runtime::Runtime;
use crate::device::Device;
use crate::error::{Error, Result};

const SUFFIX: &str = "ExecutionProvider";

/// The providers that compute on `device`, in the order in which they choose nodes; those of the
/// processor come last and need no mention.
pub(super) fn choose(device: &Device, runtime: &Runtime) -> Result<Vec<ExecutionProviderDispatch>> {
    let name = match device {
        Device::Cpu => return Ok(Vec::new()),
        Device::Gpu => "cuda",
        Device::Provider(name) => name,
    };
    let Some(providers) = providers(name) else {
        let message = format!("{device} is not one of cpu, gpu, cuda, tensorrt, openvino");
        return Err(Error::Unavailable(message));
    };
    if providers.is_empty() {
        return Ok(providers);
    }
    let present = available().map_err(|error| {
        Error::Unavailable(format!(
            "the execution providers cannot be listed: {}",
            short(error.message())
        ))
    })?;
    if !present.iter().any(|present| present == name) {
        let Runtime { path, version, .. } = runtime;
        let (path, present) = (path.display(), present.join(", "));
        let message = format!("{path}, ONNX Runtime {version}, has no {name}; it has {present}");
        return Err(Error::Unavailable(message));
    }
    // Their own libraries, drivers and devices are looked for only when a session wants them.
    let trial = Session::builder(&runtime.environment)
        .and_then(|builder| Ok(builder.with_execution_providers(&providers)?));
    trial.map(|_| providers).map_err(|error| {
        let reason = short(error.message());
        Error::Unavailable(format!("ONNX Runtime cannot compute on {device}: {reason}"))
    })
}

fn providers(name: &str) -> Option<Vec<ExecutionProviderDispatch>> {
    // Sessions on the same device share the driver's context. An arena that doubled would take
    // memory from the other graphs.
    let cuda = || {
        let provider = CUDA::default().with_device_id(0);
        let provider = provider.with_arena_extend_strategy(ArenaExtendStrategy::SameAsRequested);
        provider.build().error_on_failure()
    };
    Some(match name {
        "cpu" => Vec::new(),
        "cuda" => vec![cuda()],
        // What it cannot do, CUDA does.
        "tensorrt" => {
            vec![TensorRT::default().with_device_id(0).build().error_on_failure(), cuda()]
        }
        "openvino" => vec![OpenVINO::default().build().error_on_failure()],
        _ => return None,
    })
}

/// Short names of the providers that the library was built with.
fn available() -> ort::Result<Vec<String>> {
    let mut list: *mut *mut c_char = std::ptr::null_mut();
    let mut count: c_int = 0;
    // SAFETY: the library fills both; the list is of so many strings until it is released, once.
    unsafe {
        ort::Error::result_from_status((ort::api().GetAvailableProviders)(&mut list, &mut count))?;
        let names = (0..usize::try_from(count).unwrap_or(0))
            .map(|index| CStr::from_ptr(*list.add(index)).to_string_lossy())
            .map(|name| name.strip_suffix(SUFFIX).unwrap_or(&name).to_ascii_lowercase())
            .collect();
        ort::Error::result_from_status((ort::api().ReleaseAvailableProviders)(list, count))?;
        Ok(names)
    }
}
