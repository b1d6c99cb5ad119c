//! The model in memory: put there when the component is pre-initialised, or on first use.

use std::sync::OnceLock;

use pilotlight_model::ModelFolder;

use crate::compute::Placement;
use crate::service::Service;

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
    let loaded = load(Placement::default())?;
    Ok(SERVICE.get_or_init(|| loaded))
}

fn load(placement: Placement) -> Result<Service, String> {
    let folder = ModelFolder::open(MODEL_PATH).map_err(|error| error.to_string())?;
    Service::load(&folder, placement).map_err(|error| error.to_string())
}

/// Loads the model into memory, computed where `placement` says; what `GET /info` answers, or the
/// file and the reason.
///
/// # Errors
/// As [`service`].
pub fn initialize(placement: Placement) -> Result<String, String> {
    #[cfg(target_family = "wasm")]
    let _wiping = crate::heap::Wiping::start();
    let loaded = load(placement)?;
    let service = SERVICE.get_or_init(|| loaded);
    serde_json::to_string(service.info()).map_err(|error| error.to_string())
}
