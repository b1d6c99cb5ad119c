//! The Open Inference Protocol, version 2, in JSON and in binary, as Triton's clients send it.

mod inferences;
mod metadata;
mod properties;
mod refusals;

use std::fs;
use std::thread::LocalKey;

use pilotlight_guest::engine::Placement;
use pilotlight_guest::service::{Head, Service};
use pilotlight_model::{Digest, ModelFolder};
use pilotlight_onnx::encode;
use pilotlight_testing::graphs::{BOOL, F32, I64, model, node, port};
use serde_json::{Value, json};

use crate::support::{Reply, get, post, send, service};

const F16: i32 = 10;
const INFER: &str = "/v2/models/mixed/infer";

thread_local! {
    static MIXED: Service = mixed();
    static EMBEDDER: Service = service("mpnet-sentence-embeddings");
    static CLASSIFIER: Service = service("roberta-text-classification");
    static RERANKER: Service = service("electra-reranking");
    static NER: Service = service("electra-token-classification");
}

/// Doubles `x`, `n` and `h`, and negates `b`.
fn mixed() -> Service {
    let inputs = vec![
        port("x", F32, &["rows", "width"]),
        port("n", I64, &["rows"]),
        port("b", BOOL, &["rows"]),
        port("h", F16, &["rows"]),
    ];
    let nodes = vec![
        node("Add", &["x", "x"], &["y"]),
        node("Add", &["n", "n"], &["m"]),
        node("Not", &["b"], &["c"]),
        node("Add", &["h", "h"], &["g"]),
    ];
    let outputs = vec![
        port("y", F32, &["rows", "width"]),
        port("m", I64, &["rows"]),
        port("c", BOOL, &["rows"]),
        port("g", F16, &["rows"]),
    ];
    let folder = tempfile::tempdir().unwrap();
    let graph = encode(&model(inputs, nodes, outputs));
    let manifest = format!(
        "name = \"mixed\"\ntask = \"tensors\"\nlicense = \"CC0-1.0\"\n\n[files]\n\
         \"model.onnx\".sha256 = \"{}\"\n",
        Digest::of(&graph)
    );
    fs::write(folder.path().join("model.onnx"), graph).unwrap();
    fs::write(folder.path().join("model.toml"), manifest).unwrap();
    Service::load(&ModelFolder::open(folder.path()).unwrap(), Placement::default()).unwrap()
}

fn ok(service: &'static LocalKey<Service>, path: &str) -> Value {
    service.with(|service| get(service, path).ok())
}

fn name(service: &'static LocalKey<Service>) -> String {
    ok(service, "/v2/models")["models"][0].as_str().unwrap().to_owned()
}

/// Sends a request as Triton's client does: without a `content-type`.
fn infer(service: &Service, path: &str, json_length: Option<&str>, body: &[u8]) -> Reply {
    send(service, Head { method: "POST", path, json_length, ..Head::default() }, body)
}

/// Sends JSON with tensors behind it.
fn infer_binary(service: &Service, path: &str, request: &Value, tensors: &[&[u8]]) -> Reply {
    let json = request.to_string();
    let length = json.len().to_string();
    infer(service, path, Some(&length), &[json.as_bytes(), &tensors.concat()].concat())
}

/// The outputs of an answer, each with its bytes if they are in binary, as Triton's client takes it apart.
fn outputs(reply: &Reply) -> Vec<(Value, Vec<u8>)> {
    let whole = reply.body.len();
    let length =
        reply.header("inference-header-content-length").map(|value| value.parse().unwrap());
    let (json, mut rest) = reply.body.split_at(length.unwrap_or(whole));
    let json: Value = serde_json::from_slice(json).unwrap();
    assert_eq!(reply.status, 200, "{json}");
    let is_binary = reply.content_type == "application/octet-stream";
    assert_eq!(is_binary, length.is_some());
    let take = |output: &Value| {
        let size = output["parameters"]["binary_data_size"].as_u64().unwrap_or_default();
        assert_eq!(output.get("data").is_none(), output.get("parameters").is_some());
        let (bytes, behind) = rest.split_at(size as usize);
        rest = behind;
        (output.clone(), bytes.to_vec())
    };
    let outputs = json["outputs"].as_array().unwrap().iter().map(take).collect();
    assert!(rest.is_empty());
    outputs
}

/// Strings behind their lengths.
fn strings(bytes: &[u8]) -> Vec<String> {
    let mut strings = Vec::new();
    let mut rest = bytes;
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let (string, behind) = behind.split_at(u32::from_le_bytes(*length) as usize);
        strings.push(String::from_utf8(string.to_vec()).unwrap());
        rest = behind;
    }
    strings
}

fn text(values: &[&str]) -> Value {
    json!({"name": "text", "datatype": "BYTES", "shape": [values.len()], "data": values})
}

/// The only output to `inputs` of a model with a tokenizer, which are strings read as JSON.
fn answers(service: &'static LocalKey<Service>, inputs: &Value) -> Vec<Value> {
    let path = format!("/v2/models/{}/infer", name(service));
    let answer = service.with(|service| post(service, &path, &json!({"inputs": inputs})).ok());
    let output = &answer["outputs"][0];
    assert_eq!(output["datatype"], "BYTES");
    let data = output["data"].as_array().unwrap();
    assert_eq!(output["shape"], json!([data.len()]));
    data.iter().map(|text| serde_json::from_str(text.as_str().unwrap()).unwrap()).collect()
}

fn mixed_request() -> Value {
    json!({"id": "42", "inputs": [
        {"name": "n", "shape": [2], "datatype": "INT64", "data": [1, -9]},
        {"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [[1, 0.5], [2, -3.25]]},
        {"name": "h", "shape": [2], "datatype": "FP16", "parameters": {"binary_data_size": 4}},
        {"name": "b", "shape": [2], "datatype": "BOOL", "data": [true, false]},
    ]})
}

/// 1 and -2.
const HALVES: [u8; 4] = [0, 0x3c, 0, 0xc0];

/// Status, and the text of the error, which is all that there is.
fn refused(reply: &Reply) -> (u16, String) {
    let error = reply.json();
    assert_eq!(error.as_object().unwrap().len(), 1, "{error}");
    (reply.status, error["error"].as_str().unwrap().to_owned())
}

fn input(name: &str, datatype: &str, shape: Value, data: Value) -> Value {
    json!({"name": name, "datatype": datatype, "shape": shape, "data": data})
}
