//! Requests for an inference: JSON, and behind it the tensors that are sent in binary.

use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::keys::{object, required};
use super::signature::{BYTES, Signature, Spec};
use crate::api::{ApiError, parse};
use crate::engine::{Element, Tensor};
use crate::tasks::tensors::{Data, Flat, Sent};

/// A request for an inference.
pub(super) struct Inference<'a> {
    /// Repeated in the answer.
    pub(super) id: Option<String>,
    pub(super) inputs: Vec<Sent<'a>>,
    /// The outputs that are wanted; all of them unless given.
    pub(super) outputs: Option<Vec<Wanted>>,
    /// Whether outputs that are not listed are answered in binary.
    pub(super) binary: bool,
}

/// An output that is wanted.
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) binary: bool,
    /// So many of the largest elements instead, as strings.
    pub(super) classes: Option<usize>,
}

object! {
    #[cfg_attr(feature = "schema", schemars(rename = "InferRequest"))]
    pub(super) struct Json {
        /// Repeated in the answer.
        id: String,
        #[cfg_attr(feature = "schema", schemars(with = "Option<crate::tasks::schema::InferParameters>"))]
        parameters: Map<String, Value>,
        /// A tensor for each input of the model.
        #[cfg_attr(feature = "schema", schemars(required))]
        inputs: Vec<JsonInput>,
        /// The outputs that are wanted; all of them unless given.
        outputs: Vec<JsonOutput>,
    }

    #[cfg_attr(feature = "schema", schemars(rename = "InferInput"))]
    struct JsonInput {
        #[cfg_attr(feature = "schema", schemars(required))]
        name: String,
        /// Its dimensions.
        #[cfg_attr(feature = "schema", schemars(required))]
        shape: Vec<usize>,
        /// The type of its elements, such as `FP32`; `BYTES` for strings.
        #[cfg_attr(feature = "schema", schemars(required))]
        datatype: String,
        parameters: InputParameters,
        /// Its elements, row-major, flat or nested; none if they are sent in binary.
        data: Flat,
    }

    struct InputParameters {
        /// Bytes of its elements behind the JSON.
        binary_data_size: usize,
        #[cfg_attr(feature = "schema", schemars(skip))]
        shared_memory_region: IgnoredAny,
    }

    #[cfg_attr(feature = "schema", schemars(rename = "InferWanted"))]
    struct JsonOutput {
        #[cfg_attr(feature = "schema", schemars(required))]
        name: String,
        parameters: OutputParameters,
    }

    struct OutputParameters {
        /// Whether its elements come in binary, behind the JSON.
        binary_data: bool,
        /// So many of the largest elements instead, as strings.
        classification: usize,
        #[cfg_attr(feature = "schema", schemars(skip))]
        shared_memory_region: IgnoredAny,
    }
}

impl<'a> Inference<'a> {
    /// Reads a body whose first `json_length` bytes are JSON; all of them if there is no such length.
    ///
    /// # Errors
    /// [`ApiError`] naming the key, the input or the output.
    pub(super) fn read(
        body: &'a [u8],
        json_length: Option<usize>,
        signature: &Signature<'_>,
    ) -> Result<Self, ApiError> {
        let length = json_length.unwrap_or(body.len());
        let (json, binary) = body.split_at_checked(length).ok_or_else(|| {
            let size = body.len();
            ApiError::Malformed(format!(
                "Inference-Header-Content-Length is {length}, but the body has {size} bytes"
            ))
        })?;
        if json_length == Some(0) {
            return Self::raw(binary, signature);
        }
        let Json { id, parameters, inputs, outputs } = parse(json)?;
        let parameters = parameters.unwrap_or_default();
        check_parameters(&parameters)?;
        let all_binary = match parameters.get("binary_data_output") {
            None => false,
            Some(Value::Bool(binary)) => *binary,
            Some(_) => return Err(invalid("parameters.binary_data_output is not true or false")),
        };
        let mut rest = binary;
        let inputs = required("inputs", inputs)?.into_iter();
        let inputs = inputs.map(|input| input.read(&mut rest)).collect::<Result<_, _>>()?;
        if !rest.is_empty() {
            let message = format!("{} bytes follow those of the inputs", rest.len());
            return Err(ApiError::Invalid(message));
        }
        let outputs = outputs.filter(|outputs| !outputs.is_empty()).map(|outputs| {
            outputs.into_iter().map(|output| output.read(all_binary)).collect::<Result<_, _>>()
        });
        let id = id.filter(|id| !id.is_empty());
        Ok(Self { id, inputs, outputs: outputs.transpose()?, binary: all_binary })
    }

    /// A body without JSON: the only input of the model, one string or one row of numbers.
    fn raw(body: &'a [u8], signature: &Signature<'_>) -> Result<Self, ApiError> {
        let mut inputs = signature.inputs.iter().filter(|input| !input.optional);
        let (Some(spec), None) = (inputs.next(), inputs.next()) else {
            let message = "a request without JSON is for models of one input; send JSON";
            return Err(invalid(message));
        };
        let (shape, data) = match spec.datatype {
            BYTES => {
                let text =
                    std::str::from_utf8(body).map_err(|_| invalid("the body is not UTF-8"))?;
                let strings = vec![text.to_owned()];
                (vec![1], Data::Json(Flat { strings, ..Flat::default() }))
            }
            _ => (raw_shape(spec, signature.has_rows, body.len())?, Data::Binary(body)),
        };
        let (name, datatype) = (spec.name.to_owned(), spec.datatype.to_owned());
        let inputs = vec![Sent { name, shape, datatype, data }];
        Ok(Self { id: None, inputs, outputs: None, binary: true })
    }
}

/// The shape of so many bytes, which tell the size of one dimension.
fn raw_shape(spec: &Spec<'_>, has_rows: bool, bytes: usize) -> Result<Vec<usize>, ApiError> {
    let mut dims = spec.dims.clone();
    if has_rows && let Some(rows) = dims.first_mut() {
        *rows = Some(1);
    }
    let known: Vec<usize> = dims.iter().flatten().copied().collect();
    let element = Element::of_name(spec.datatype).map_or(1, Element::bytes);
    let known = Tensor::volume(&known).and_then(|volume| volume.checked_mul(element));
    let known = known.unwrap_or_default();
    if dims.iter().filter(|dim| dim.is_none()).count() > 1 || known == 0 {
        let message = "a request without JSON does not tell the shape of the input; send JSON";
        return Err(invalid(message));
    }
    Ok(dims.iter().map(|dim| dim.unwrap_or(bytes / known)).collect())
}

/// Values are strings, numbers or booleans; what is not known is ignored.
fn check_parameters(parameters: &Map<String, Value>) -> Result<(), ApiError> {
    for (name, value) in parameters {
        let refuse = |reason| Err(ApiError::Invalid(format!("parameters.{name} {reason}")));
        if name.starts_with("triton_") {
            return refuse("is reserved");
        }
        if value.is_array() || value.is_object() || value.is_null() {
            return refuse("is not a string, number or boolean");
        }
        let none = value.as_u64() == Some(0) || value.as_str() == Some("");
        if name == "sequence_id" && !none {
            return refuse("is given, but the model keeps no state between requests");
        }
    }
    Ok(())
}

impl JsonInput {
    /// The input; its bytes are taken from `binary` if they are not in JSON.
    fn read<'a>(self, binary: &mut &'a [u8]) -> Result<Sent<'a>, ApiError> {
        let name = required("inputs: name", self.name)?;
        let refuse = |reason: &str| ApiError::Invalid(format!("input {name} {reason}"));
        let shape = self.shape.ok_or_else(|| refuse("has no shape"))?;
        let datatype = self.datatype.ok_or_else(|| refuse("has no datatype"))?;
        let parameters = self.parameters.unwrap_or_default();
        if parameters.shared_memory_region.is_some() {
            return Err(refuse("is in shared memory, which is not supported; send its data"));
        }
        let data = match (self.data, parameters.binary_data_size) {
            (Some(data), None) => Data::Json(data),
            (None, Some(size)) => {
                let (bytes, rest) = binary.split_at_checked(size).ok_or_else(|| {
                    let left = binary.len();
                    refuse(&format!("has binary_data_size {size}, but {left} bytes are left"))
                })?;
                *binary = rest;
                Data::Binary(bytes)
            }
            _ => return Err(refuse("needs either data or binary_data_size")),
        };
        Ok(Sent { name, shape, datatype, data })
    }
}

impl JsonOutput {
    fn read(self, binary: bool) -> Result<Wanted, ApiError> {
        let name = required("outputs: name", self.name)?;
        let parameters = self.parameters.unwrap_or_default();
        if parameters.shared_memory_region.is_some() {
            let message = format!("output {name}: shared memory is not supported");
            return Err(ApiError::Invalid(message));
        }
        let binary = parameters.binary_data.unwrap_or(binary);
        let classes = parameters.classification.filter(|classes| *classes > 0);
        Ok(Wanted { name, binary, classes })
    }
}

fn invalid(message: &str) -> ApiError {
    ApiError::Invalid(message.to_owned())
}
