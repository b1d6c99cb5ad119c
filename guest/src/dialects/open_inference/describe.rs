//! What the OpenAPI document says of the Open Inference Protocol's routes. Those that only refuse are not
//! in it.

#![expect(dead_code, reason = "only the schemas of these types are wanted")]

use schemars::JsonSchema;
use serde_json::json;

use super::{answer, request};
use crate::dialects::schema::{AnyObject, Document};

/// Describes the routes.
pub(in crate::dialects) fn describe(document: &mut Document) {
    document.tag("Open Inference Protocol");
    document.get("/v2", "Describes the server.").answers::<Server>();
    document.get("/v2/health/live", "Tells whether the server runs.").answers::<Live>();
    document.get("/v2/health/ready", "Tells whether the model is ready.").answers::<Ready>();
    document.get("/v2/models", "Lists the model.").answers::<ModelNames>();
    for model in ["/v2/models/{model}", "/v2/models/{model}/versions/{version}"] {
        let path = |rest: &str| format!("{model}{rest}");
        document.get(model, "Describes the model's inputs and outputs.").answers::<Metadata>();
        document.get(&path("/ready"), "Tells whether the model is ready.").answers::<ModelReady>();
        document
            .get(&path("/config"), "Describes the model as Triton does.")
            .answers::<ModelConfig>();
        document
            .post(&path("/infer"), "Computes outputs of the model for its inputs.")
            .reads::<request::Json>(&json!({"inputs": [
                {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["Ada is a person."]},
            ]}))
            .answers::<answer::Json<'_>>()
            .or_binary();
    }
}

#[derive(JsonSchema)]
struct Server {
    name: String,
    version: String,
    extensions: Vec<String>,
}

#[derive(JsonSchema)]
struct Live {
    live: bool,
}

#[derive(JsonSchema)]
struct Ready {
    ready: bool,
    live: bool,
}

#[derive(JsonSchema)]
struct ModelNames {
    models: Vec<String>,
}

#[derive(JsonSchema)]
struct ModelReady {
    name: String,
    ready: bool,
}

#[derive(JsonSchema)]
struct Metadata {
    name: String,
    versions: Vec<String>,
    platform: String,
    inputs: Vec<TensorMetadata>,
    outputs: Vec<TensorMetadata>,
}

/// An input or an output; -1 stands for any size.
#[derive(JsonSchema)]
struct TensorMetadata {
    name: String,
    datatype: String,
    shape: Vec<i64>,
}

#[derive(JsonSchema)]
struct ModelConfig {
    name: String,
    platform: String,
    backend: String,
    version_policy: AnyObject,
    /// Most rows of a request; 0 where dimensions are told as they are.
    max_batch_size: usize,
    input: Vec<TensorConfig>,
    output: Vec<TensorConfig>,
    model_transaction_policy: AnyObject,
    instance_group: Vec<AnyObject>,
    parameters: AnyObject,
}

/// An input or an output; -1 stands for any size.
#[derive(JsonSchema)]
struct TensorConfig {
    name: String,
    data_type: String,
    dims: Vec<i64>,
    optional: bool,
}
