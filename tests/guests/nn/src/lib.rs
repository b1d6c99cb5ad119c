//! A `wasi:http/incoming-handler@0.2` guest that does with `wasi:nn` whatever a request says.

#![cfg(target_family = "wasm")]

use serde::{Deserialize, Serialize};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasip2::io::streams::StreamError;

mod bindings {
    #![allow(missing_docs, reason = "generated")]
    wit_bindgen::generate!({ world: "wasi:nn/ml", path: "../../../wit", generate_all });
}

use bindings::wasi::nn::errors::Error;
use bindings::wasi::nn::graph::{
    ExecutionTarget, Graph, GraphEncoding, load as load_parts, load_by_name,
};
use bindings::wasi::nn::tensor::{Tensor, TensorType};

/// What to do.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    /// Graph to load by its name.
    #[serde(default)]
    graph: String,
    /// Parts of a graph to load instead.
    parts: Option<Vec<Vec<u8>>>,
    /// `onnx` or anything else.
    #[serde(default)]
    encoding: String,
    #[serde(default)]
    inputs: Vec<Input>,
    /// How often to compute; the last outputs are returned.
    #[serde(default = "once")]
    times: usize,
    /// Tensors of a megabyte to hold meanwhile.
    #[serde(default)]
    hoard: usize,
}

fn once() -> usize {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    name: String,
    #[serde(rename = "type")]
    ty: String,
    shape: Vec<u32>,
    bytes: Vec<u8>,
}

#[derive(Serialize)]
struct Output {
    name: String,
    #[serde(rename = "type")]
    ty: String,
    shape: Vec<u32>,
    bytes: Vec<u8>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Outputs(Vec<Output>),
    Error { code: String, data: String },
}

fn answer(body: &[u8]) -> Answer {
    let request: Request = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => return Answer::Error { code: "request".into(), data: error.to_string() },
    };
    match run(&request) {
        Ok(outputs) => Answer::Outputs(outputs),
        Err(error) => Answer::Error { code: format!("{:?}", error.code()), data: error.data() },
    }
}

fn run(request: &Request) -> Result<Vec<Output>, Error> {
    let megabyte = vec![0; 1 << 20];
    let hoard = (0..request.hoard).map(|_| Tensor::new(&[1 << 20], TensorType::U8, &megabyte));
    let _hoard: Vec<Tensor> = hoard.collect();
    let context = graph(request)?.init_execution_context()?;
    let mut outputs = Vec::new();
    for _ in 0..request.times {
        let inputs = request.inputs.iter().map(|input| {
            let tensor = Tensor::new(&input.shape, element(&input.ty), &input.bytes);
            (input.name.clone(), tensor)
        });
        outputs = context.compute(inputs.collect())?;
    }
    let output = |(name, tensor): (String, Tensor)| Output {
        name,
        ty: format!("{:?}", tensor.ty()),
        shape: tensor.dimensions(),
        bytes: tensor.data(),
    };
    Ok(outputs.into_iter().map(output).collect())
}

fn graph(request: &Request) -> Result<Graph, Error> {
    let encoding = match &request.encoding[..] {
        "onnx" => GraphEncoding::Onnx,
        "" => GraphEncoding::Autodetect,
        _ => GraphEncoding::Openvino,
    };
    match &request.parts {
        Some(parts) => load_parts(parts, encoding, ExecutionTarget::Cpu),
        None => load_by_name(&request.graph),
    }
}

fn element(name: &str) -> TensorType {
    match name {
        "f16" => TensorType::Fp16,
        "f32" => TensorType::Fp32,
        "f64" => TensorType::Fp64,
        "bf16" => TensorType::Bf16,
        "i32" => TensorType::I32,
        "i64" => TensorType::I64,
        _ => TensorType::U8,
    }
}

fn read(request: &IncomingRequest) -> Vec<u8> {
    let mut bytes = Vec::new();
    let Ok(body) = request.consume() else { return bytes };
    let Ok(stream) = body.stream() else { return bytes };
    loop {
        match stream.blocking_read(1 << 16) {
            Ok(part) => bytes.extend(part),
            Err(StreamError::Closed | StreamError::LastOperationFailed(_)) => return bytes,
        }
    }
}

struct Handler;
wasip2::http::proxy::export!(Handler);

impl Guest for Handler {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let text = serde_json::to_string(&answer(&read(&request))).unwrap_or_default();
        let response = OutgoingResponse::new(Fields::new());
        let Ok(body) = response.body() else { return };
        ResponseOutparam::set(out, Ok(response));
        if let Ok(stream) = body.write() {
            for part in text.as_bytes().chunks(4096) {
                if stream.blocking_write_and_flush(part).is_err() {
                    return;
                }
            }
        }
        let _ = OutgoingBody::finish(body, None);
    }
}
