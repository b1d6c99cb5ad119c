//! The Open Inference Protocol, version 2, over HTTP, with Triton's extensions for binary tensors, classification,
//! parameters and model configuration. The host adds the repository and the statistics.
//! Used by `dialects`. Does not know how tasks are computed.

mod answer;
mod binary;
#[cfg(feature = "schema")]
mod describe;
mod infer;
mod keys;
mod request;
mod signature;
mod text;

use serde_json::{Value, json};

use self::signature::{Signature, Spec};
use super::route::{Answer, Call, Handler, NOTHING, Requires, Route};
use crate::api::ApiError;

#[cfg(feature = "schema")]
pub(super) use self::describe::describe;

pub(super) const ROUTES: &[Route] = &[
    get("/v2", server),
    get("/v2/health/live", live),
    get("/v2/health/ready", ready),
    get("/v2/models", models),
    get("/v2/models/{model}", metadata),
    get("/v2/models/{model}/ready", model_ready),
    get("/v2/models/{model}/config", config),
    post("/v2/models/{model}/infer", infer::answer),
    get("/v2/models/{model}/versions/{version}", metadata),
    get("/v2/models/{model}/versions/{version}/ready", model_ready),
    get("/v2/models/{model}/versions/{version}/config", config),
    post("/v2/models/{model}/versions/{version}/infer", infer::answer),
    get("/v2/models/{model}/trace/setting", no_trace),
    post("/v2/models/{model}/trace/setting", no_trace),
    get("/v2/trace/setting", no_trace),
    post("/v2/trace/setting", no_trace),
    get("/v2/logging", no_logging),
    post("/v2/logging", no_logging),
    get("/v2/systemsharedmemory/{region...}", no_shared_memory),
    post("/v2/systemsharedmemory/{region...}", no_shared_memory),
    get("/v2/cudasharedmemory/{region...}", no_shared_memory),
    post("/v2/cudasharedmemory/{region...}", no_shared_memory),
];

/// A component has one version of its model.
const VERSION: &str = "1";
/// As the protocol names it: the project, and the format of the file.
const PLATFORM: &str = "onnx_onnxv1";
const EXTENSIONS: [&str; 4] =
    ["classification", "model_configuration", "binary_tensor_data", "parameters"];

const fn get(path: &'static str, answer: Handler) -> Route {
    Route::get(path, Requires::Nothing, answer)
}

/// Clients of Triton send no `content-type`, or `application/octet-stream` for JSON, too.
const fn post(path: &'static str, answer: Handler) -> Route {
    Route { reads: NOTHING, ..Route::post(path, Requires::Nothing, answer) }
}

fn server(_: &mut Call<'_>) -> Result<Answer, ApiError> {
    let version = env!("CARGO_PKG_VERSION");
    Answer::json(&json!({"name": "pilotlight", "version": version, "extensions": EXTENSIONS}))
}

fn live(_: &mut Call<'_>) -> Result<Answer, ApiError> {
    Answer::json(&json!({"live": true}))
}

fn ready(_: &mut Call<'_>) -> Result<Answer, ApiError> {
    Answer::json(&json!({"ready": true, "live": true}))
}

fn models(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    Answer::json(&json!({"models": [call.function.name()]}))
}

fn model_ready(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    check_model(call)?;
    Answer::json(&json!({"name": call.function.name(), "ready": true}))
}

fn metadata(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    check_model(call)?;
    let Signature { inputs, outputs, .. } = Signature::of(call.function);
    let tensors = |specs: &[Spec<'_>]| -> Vec<Value> {
        let tensor = |spec: &Spec<'_>| json!({"name": spec.name, "datatype": spec.datatype, "shape": sizes(&spec.dims)});
        specs.iter().map(tensor).collect()
    };
    Answer::json(&json!({
        "name": call.function.name(),
        "versions": [VERSION],
        "platform": PLATFORM,
        "inputs": tensors(&inputs),
        "outputs": tensors(&outputs),
    }))
}

/// Triton's `ModelConfig`. Of models that compute any number of rows the dimensions leave the rows out.
fn config(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    check_model(call)?;
    let Signature { inputs, outputs, most_rows, .. } = Signature::of(call.function);
    let tensors = |specs: &[Spec<'_>]| -> Vec<Value> {
        let tensor = |spec: &Spec<'_>| {
            let of_row = if most_rows > 0 { &spec.dims[1..] } else { &spec.dims[..] };
            let data_type = match spec.datatype {
                signature::BYTES => "STRING",
                datatype => datatype,
            };
            json!({
                "name": spec.name,
                "data_type": format!("TYPE_{data_type}"),
                "dims": sizes(of_row),
                "optional": spec.optional,
            })
        };
        specs.iter().map(tensor).collect()
    };
    Answer::json(&json!({
        "name": call.function.name(),
        "platform": PLATFORM,
        "backend": "pilotlight",
        "version_policy": {"latest": {"num_versions": 1}},
        "max_batch_size": most_rows,
        "input": tensors(&inputs),
        "output": tensors(&outputs),
        "model_transaction_policy": {"decoupled": false},
        "instance_group": [],
        "parameters": {},
    }))
}

fn sizes(dims: &[Option<usize>]) -> Vec<i64> {
    dims.iter().map(|dim| dim.map_or(-1, |size| size as i64)).collect()
}

fn no_trace(_: &mut Call<'_>) -> Result<Answer, ApiError> {
    Err(ApiError::Unsupported("trace settings are not supported here".to_owned()))
}

fn no_logging(_: &mut Call<'_>) -> Result<Answer, ApiError> {
    Err(ApiError::Unsupported("log settings are not supported here".to_owned()))
}

fn no_shared_memory(_: &mut Call<'_>) -> Result<Answer, ApiError> {
    let message = "shared memory is not supported; send tensors in the request";
    Err(ApiError::Unsupported(message.to_owned()))
}

/// Refuses a path with the name of another model, or with another version.
fn check_model(call: &Call<'_>) -> Result<(), ApiError> {
    let mut parameters = call.target.parameters.iter();
    let name = parameters.next().map_or("", String::as_str);
    let version = parameters.next().map_or(VERSION, String::as_str);
    let served = call.function.name();
    let what = match (name == served, version == VERSION) {
        (true, true) => return Ok(()),
        (true, false) => format!("version {version} is not found; there is version {VERSION}"),
        _ => format!("is not found; the model is '{served}'"),
    };
    Err(ApiError::NotServed(format!("'{name}' {what}")))
}
