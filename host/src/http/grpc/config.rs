//! A model's configuration as a message, out of the JSON that the function tells it in.

use serde::Deserialize;

use super::messages::{ModelConfig, ModelInput, ModelOutput};

/// Names of types of elements, by their number.
const TYPES: [&str; 15] = [
    "TYPE_INVALID",
    "TYPE_BOOL",
    "TYPE_UINT8",
    "TYPE_UINT16",
    "TYPE_UINT32",
    "TYPE_UINT64",
    "TYPE_INT8",
    "TYPE_INT16",
    "TYPE_INT32",
    "TYPE_INT64",
    "TYPE_FP16",
    "TYPE_FP32",
    "TYPE_FP64",
    "TYPE_STRING",
    "TYPE_BF16",
];

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
pub(super) struct Told {
    name: String,
    platform: String,
    backend: String,
    max_batch_size: i32,
    input: Vec<Port>,
    output: Vec<Port>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Port {
    name: String,
    data_type: String,
    dims: Vec<i64>,
    optional: bool,
}

impl From<Told> for ModelConfig {
    fn from(told: Told) -> Self {
        let Told { name, platform, backend, max_batch_size, input, output } = told;
        let input = input.into_iter().map(|Port { name, data_type, dims, optional }| ModelInput {
            name,
            data_type: number(&data_type),
            dims,
            optional,
        });
        let output = output.into_iter().map(|Port { name, data_type, dims, .. }| ModelOutput {
            name,
            data_type: number(&data_type),
            dims,
        });
        let (input, output) = (input.collect(), output.collect());
        Self { name, platform, max_batch_size, input, output, backend }
    }
}

fn number(name: &str) -> i32 {
    let found = TYPES.iter().position(|known| *known == name);
    found.and_then(|number| i32::try_from(number).ok()).unwrap_or_default()
}
