//! The model in memory: put there when the component is pre-initialized, or on first use.

use std::sync::OnceLock;

use pilotlight_model::ModelFolder;

use crate::engine::Placement;
use crate::service::{Description, Service};

/// Where the model folder is mounted in the sandbox.
const MODEL_PATH: &str = "/model";

static SERVICE: OnceLock<Service> = OnceLock::new();

/// The service, loaded from `/model` unless the snapshot already holds it.
///
/// # Errors
/// The file and the reason.
pub fn service() -> Result<&'static Service, String> {
    if let Some(service) = SERVICE.get() {
        return Ok(service);
    }
    let folder = ModelFolder::open(MODEL_PATH).map_err(|error| error.to_string())?;
    let loaded = load(&folder, Placement::default())?;
    Ok(SERVICE.get_or_init(|| loaded))
}

fn load(folder: &ModelFolder, placement: Placement) -> Result<Service, String> {
    Service::load(folder, placement).map_err(|error| error.to_string())
}

/// Loads the model that `manifest` describes into memory, computed where `placement` says.
///
/// # Errors
/// As [`service`].
pub fn initialize(manifest: &str, placement: Placement) -> Result<Description, String> {
    #[cfg(target_family = "wasm")]
    let _wiping = crate::heap::Wiping::start();
    let folder = ModelFolder::with_manifest(MODEL_PATH, manifest);
    let loaded = load(&folder.map_err(|error| error.to_string())?, placement)?;
    let description = SERVICE.get_or_init(|| loaded).description();
    #[cfg(target_family = "wasm")]
    crate::heap::wipe_stack();
    Ok(description)
}
