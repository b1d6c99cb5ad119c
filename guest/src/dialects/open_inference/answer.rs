//! Answers to inferences: JSON, and behind it the outputs that are wanted in binary.

use std::cmp::Ordering;
use std::fmt;

use serde::Serialize;

use super::signature::BYTES;
use super::{VERSION, binary};
use crate::api::ApiError;
use crate::dialects::route::Answer;
use crate::engine::{Element, Tensor};
use crate::json;
use crate::tasks::tensors::{Number, Numbers};

const BINARY: &str = "application/octet-stream";
const JSON_LENGTH: &str = "inference-header-content-length";

/// An output.
pub(super) struct Output {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) values: Values,
}

/// The elements of an output, row-major.
pub(super) enum Values {
    Tensor(Tensor),
    Strings(Vec<String>),
}

impl Output {
    /// Numbers.
    pub(super) fn of_tensor(name: String, tensor: Tensor) -> Self {
        Self { name, shape: tensor.shape.clone(), values: Values::Tensor(tensor) }
    }

    /// A string for each row.
    pub(super) fn of_strings(name: &str, strings: Vec<String>) -> Self {
        let shape = vec![strings.len()];
        Self { name: name.to_owned(), shape, values: Values::Strings(strings) }
    }

    fn datatype(&self) -> &'static str {
        match &self.values {
            Values::Tensor(tensor) => tensor.element.name(),
            Values::Strings(_) => BYTES,
        }
    }

    /// Bytes of its elements in binary.
    fn length(&self) -> usize {
        match &self.values {
            Values::Tensor(tensor) => tensor.bytes.len(),
            Values::Strings(strings) => binary::length(strings),
        }
    }

    fn append(&self, to: &mut Vec<u8>) {
        match &self.values {
            Values::Tensor(tensor) => to.extend_from_slice(&tensor.bytes),
            Values::Strings(strings) => binary::write(strings, to),
        }
    }
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "InferAnswer"))]
pub(super) struct Json<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    model_name: &'a str,
    model_version: &'static str,
    outputs: Vec<JsonOutput<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "InferOutput"))]
struct JsonOutput<'a> {
    name: &'a str,
    datatype: &'static str,
    shape: &'a [usize],
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<JsonParameters>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::tasks::schema::numbers_or_strings")
    )]
    data: Option<Elements<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "InferBinary"))]
struct JsonParameters {
    binary_data_size: usize,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Elements<'a> {
    Numbers(Numbers<'a>),
    Strings(&'a [String]),
}

/// The answer with `outputs`, and whether each is in binary.
///
/// # Errors
/// [`ApiError::Invalid`] for numbers that JSON does not have.
pub(super) fn write(
    model_name: &str,
    id: Option<String>,
    outputs: &[(Output, bool)],
) -> Result<Answer, ApiError> {
    let written = outputs.iter().map(|(output, is_binary)| {
        let (parameters, data) = match is_binary {
            true => (Some(JsonParameters { binary_data_size: output.length() }), None),
            false => (None, Some(elements(output)?)),
        };
        let (name, datatype, shape) = (&output.name[..], output.datatype(), &output.shape[..]);
        Ok(JsonOutput { name, datatype, shape, parameters, data })
    });
    let outputs_json = written.collect::<Result<_, ApiError>>()?;
    let json = Json { id, model_name, model_version: VERSION, outputs: outputs_json };
    let mut body = json::write(&json)?;
    let json_length = body.len();
    let in_binary = || outputs.iter().filter(|(_, is_binary)| *is_binary).map(|(output, _)| output);
    let length: usize = in_binary().map(Output::length).sum();
    // Clients take an answer without the header for JSON alone.
    if length == 0 {
        return Ok(Answer::written(body));
    }
    body.reserve_exact(length);
    in_binary().for_each(|output| output.append(&mut body));
    let headers = vec![(JSON_LENGTH, json_length.to_string())];
    Ok(Answer { content_type: BINARY, headers, body: body.into() })
}

fn elements(output: &Output) -> Result<Elements<'_>, ApiError> {
    match &output.values {
        Values::Strings(strings) => Ok(Elements::Strings(strings)),
        Values::Tensor(tensor) if Numbers(tensor).are_finite() => {
            Ok(Elements::Numbers(Numbers(tensor)))
        }
        Values::Tensor(_) => Err(ApiError::Invalid(format!(
            "output {} has values that JSON does not have, such as NaN; ask for it with \
             \"binary_data\": true",
            output.name
        ))),
    }
}

/// A number that is ranked, and written as Triton writes it.
pub(super) struct Ranked(Number);

/// The elements of a tensor of numbers that Triton ranks; `None` of others.
pub(super) fn ranked_numbers(tensor: &Tensor) -> Option<Vec<Ranked>> {
    let of_numbers = ![Element::Bool, Element::F16].contains(&tensor.element);
    of_numbers.then(|| Numbers(tensor).iter().map(Ranked).collect())
}

impl Ranked {
    pub(super) fn total_cmp(&self, other: &Self) -> Ordering {
        match (self.0, other.0) {
            (Number::F32(one), Number::F32(two)) => one.total_cmp(&two),
            (Number::F64(one), Number::F64(two)) => one.total_cmp(&two),
            (Number::Integer(one), Number::Integer(two)) => one.cmp(&two),
            // Tensors have elements of one type.
            _ => Ordering::Equal,
        }
    }
}

impl fmt::Display for Ranked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Number::F32(value) => write!(f, "{value:.6}"),
            Number::F64(value) => write!(f, "{value:.6}"),
            Number::Integer(value) => write!(f, "{value}"),
            Number::Bool(value) => write!(f, "{value}"),
        }
    }
}
