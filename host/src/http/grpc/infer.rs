//! `ModelInfer` as the HTTP request with binary tensors that means the same, and its response.

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tonic::Status;

use super::contents;
use super::messages::{Choice, InferTensor, ModelInferRequest, ModelInferResponse, Parameters};

/// The body of the HTTP request: JSON of the returned length, and the tensors behind it.
///
/// # Errors
/// `INVALID_ARGUMENT`.
pub(super) fn body(request: ModelInferRequest) -> Result<(usize, Bytes), Status> {
    let ModelInferRequest { id, parameters, inputs, outputs, raw_input_contents, .. } = request;
    let tensors = tensors(&inputs, raw_input_contents)?;
    let input = |(input, bytes): (&InferTensor, &Bytes)| {
        let mut parameters = json_parameters(&input.parameters);
        parameters.insert("binary_data_size".to_owned(), bytes.len().into());
        let InferTensor { name, datatype, shape, .. } = input;
        json!({"name": name, "datatype": datatype, "shape": shape, "parameters": parameters})
    };
    let mut content = Map::new();
    if !id.is_empty() {
        content.insert("id".to_owned(), id.into());
    }
    let mut parameters = json_parameters(&parameters);
    parameters.insert("binary_data_output".to_owned(), true.into());
    content.insert("parameters".to_owned(), parameters.into());
    content.insert("inputs".to_owned(), inputs.iter().zip(&tensors).map(input).collect());
    if !outputs.is_empty() {
        let output = |output: super::messages::InferRequestedOutput| {
            let mut parameters = json_parameters(&output.parameters);
            parameters.insert("binary_data".to_owned(), true.into());
            json!({"name": output.name, "parameters": parameters})
        };
        content.insert("outputs".to_owned(), outputs.into_iter().map(output).collect());
    }
    let json = Value::Object(content).to_string();
    let mut body =
        BytesMut::with_capacity(json.len() + tensors.iter().map(Bytes::len).sum::<usize>());
    body.extend_from_slice(json.as_bytes());
    tensors.iter().for_each(|tensor| body.extend_from_slice(tensor));
    Ok((json.len(), body.freeze()))
}

/// The bytes of each input: all of them raw, or all of them in fields of their type.
fn tensors(inputs: &[InferTensor], raw: Vec<Bytes>) -> Result<Vec<Bytes>, Status> {
    if raw.is_empty() {
        let tensor = |input: &InferTensor| {
            let contents = input.contents.clone().unwrap_or_default();
            let bytes = contents::bytes(&input.datatype, contents);
            bytes.map(Bytes::from).map_err(|reason| format!("input {:?}: {reason}", input.name))
        };
        return inputs
            .iter()
            .map(tensor)
            .collect::<Result<_, _>>()
            .map_err(Status::invalid_argument);
    }
    if let Some(input) = inputs.iter().find(|input| input.contents.is_some()) {
        let message = format!(
            "input {:?} has contents in addition to raw_input_contents; send one of the two",
            input.name
        );
        return Err(Status::invalid_argument(message));
    }
    if raw.len() != inputs.len() {
        let message =
            format!("{} raw_input_contents for {} inputs; send one each", raw.len(), inputs.len());
        return Err(Status::invalid_argument(message));
    }
    Ok(raw)
}

fn json_parameters(parameters: &Parameters) -> Map<String, Value> {
    let value = |choice: &Choice| match choice {
        Choice::Bool(value) => json!(value),
        Choice::Int(value) => json!(value),
        Choice::String(value) => json!(value),
        Choice::Double(value) => json!(value),
        Choice::Unsigned(value) => json!(value),
    };
    let parameters = parameters.iter();
    parameters.filter_map(|(name, one)| Some((name.clone(), value(one.choice.as_ref()?)))).collect()
}

/// What of the JSON of a response is told.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    model_name: String,
    #[serde(default)]
    model_version: String,
    #[serde(default)]
    id: String,
    outputs: Vec<Output>,
}

#[derive(Deserialize)]
struct Output {
    name: String,
    datatype: String,
    shape: Vec<i64>,
    #[serde(default)]
    parameters: OutputParameters,
}

#[derive(Deserialize, Default)]
struct OutputParameters {
    #[serde(default)]
    binary_data_size: usize,
}

/// The response to the call. `json_length` is what the header tells; all is JSON without it.
///
/// # Errors
/// `INTERNAL` where the function's response cannot be read.
pub(super) fn response(
    body: &Bytes,
    json_length: Option<usize>,
) -> Result<ModelInferResponse, Status> {
    let unreadable = |what: String| Status::internal(format!("the function's response: {what}"));
    let end = json_length.unwrap_or(body.len());
    let json = body.get(..end).ok_or_else(|| unreadable("it is shorter than its JSON".into()))?;
    let head: Head = serde_json::from_slice(json).map_err(|error| unreadable(error.to_string()))?;
    let mut rest = body.slice(end..);
    let mut response = ModelInferResponse {
        model_name: head.model_name,
        model_version: head.model_version,
        id: head.id,
        ..ModelInferResponse::default()
    };
    for Output { name, datatype, shape, parameters } in head.outputs {
        let size = parameters.binary_data_size;
        if size > rest.len() {
            return Err(unreadable(format!("output {name:?} is truncated")));
        }
        response.raw_output_contents.push(rest.split_to(size));
        let tensor = InferTensor { name, datatype, shape, ..InferTensor::default() };
        response.outputs.push(tensor);
    }
    Ok(response)
}
