//! Requests of `/v1/tensors`, and what they are answered.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize, Serializer};

use super::{Data, Flat, Numbers, Sent, check_names, compute, names};
use crate::api::ApiError;
use crate::engine::{Engine, Tensor};
use crate::model::Usage;

/// A request.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "TensorsRequest"))]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Repeated in the answer.
    #[serde(default)]
    pub id: Option<String>,
    /// A tensor for each input of the graph.
    pub inputs: Vec<Input>,
    /// The outputs that are wanted; all unless given.
    #[serde(default)]
    pub outputs: Option<Vec<Wanted>>,
    #[serde(default)]
    #[allow(dead_code, reason = "accepted and ignored")]
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
    parameters: Option<IgnoredAny>,
}

/// A tensor of a request.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "TensorsInput"))]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The input's name.
    pub name: String,
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// The type of its elements, such as `FP32`.
    pub datatype: String,
    /// Its elements, row-major, flat or nested.
    pub data: Flat,
    #[serde(default)]
    #[allow(dead_code, reason = "accepted and ignored")]
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
    parameters: Option<IgnoredAny>,
}

/// An output that is wanted.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "TensorsWanted"))]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    #[serde(default)]
    #[allow(dead_code, reason = "accepted and ignored")]
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
    parameters: Option<IgnoredAny>,
}

/// An answer.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "TensorsAnswer"))]
pub struct Response {
    /// That of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The outputs.
    pub outputs: Vec<Computed>,
}

/// A tensor of an answer.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "TensorsOutput"))]
pub struct Computed {
    /// The output's name.
    pub name: String,
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// The type of its elements.
    pub datatype: &'static str,
    /// Its elements, row-major, flat.
    #[serde(rename = "data", serialize_with = "numbers")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::tasks::schema::numbers"))]
    pub tensor: Tensor,
}

/// Answers a request.
///
/// # Errors
/// [`ApiError`].
pub fn answer(
    engine: &dyn Engine,
    request: Request,
    usage: &mut Usage,
) -> Result<Response, ApiError> {
    let Request { id, inputs, outputs: wanted, .. } = request;
    let listed = wanted.iter().flatten().map(|output| &output.name[..]);
    check_names("output", listed, &names(engine.outputs()))?;
    let inputs: Vec<Sent<'_>> = inputs.into_iter().map(Sent::from).collect();
    let outputs = compute(engine, &inputs, usage)?.into_iter().filter(|(name, _)| {
        wanted.as_ref().is_none_or(|wanted| wanted.iter().any(|output| output.name == *name))
    });
    let outputs = outputs.map(|(name, tensor)| Computed {
        name,
        shape: tensor.shape.clone(),
        datatype: tensor.element.name(),
        tensor,
    });
    Ok(Response { id, outputs: outputs.collect() })
}

impl From<Input> for Sent<'static> {
    fn from(Input { name, shape, datatype, data, .. }: Input) -> Self {
        Self { name, shape, datatype, data: Data::Json(data) }
    }
}

fn numbers<S: Serializer>(tensor: &Tensor, to: S) -> Result<S::Ok, S::Error> {
    Numbers(tensor).serialize(to)
}
