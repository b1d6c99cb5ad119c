use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use prost::Message;
use serde_json::{Value, json};
use wasmtime_wasi_http::WasiBody;

use super::messages::{
    InferParameter, InferTensor, InferTensorContents, ModelInferRequest, ModelInferResponse,
    ModelRequest, State,
};
use super::*;
use crate::request::whole;

/// A function that answers each request with its path, and `infer` with its first tensor.
#[derive(Clone)]
struct Echo;

impl Next for Echo {
    async fn run(self, request: Request<WasiBody>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let path = head.uri.path();
        if !path.contains("/known") {
            return Body::json(StatusCode::NOT_FOUND, &json!({"error": "no such model"}));
        }
        if !path.ends_with("/infer") {
            return Body::json(StatusCode::OK, &json!({"name": path}));
        }
        let length: usize =
            head.headers["inference-header-content-length"].to_str().unwrap().parse().unwrap();
        let asked: Value = serde_json::from_slice(&body[..length]).unwrap();
        let tensor = &asked["inputs"][0];
        let told = json!({"model_name": path, "id": asked["id"], "outputs": [tensor]}).to_string();
        let size = tensor["parameters"]["binary_data_size"].as_u64().unwrap() as usize;
        let mut answer = told.clone().into_bytes();
        answer.extend_from_slice(&body[length..length + size]);
        let mut response = Response::new(Body::full(answer));
        let length = HeaderValue::from(told.len());
        response.headers_mut().insert("inference-header-content-length", length);
        response
    }
}

/// What a call is answered: its status, and its message if that is 0.
async fn call(name: &str, message: &impl Message) -> (String, Bytes) {
    let mut body = BytesMut::new();
    body.put_u8(0);
    body.put_u32(message.encoded_len() as u32);
    message.encode(&mut body).unwrap();
    let request = Request::post(format!("{}{name}", grpc::SERVICE));
    let request = request.header("content-type", "application/grpc").header("te", "trailers");
    let response = Grpc.handle(request.body(whole(body.freeze())).unwrap(), Echo).await;
    assert_eq!(response.status(), StatusCode::OK);
    let (head, body) = response.into_parts();
    assert_eq!(head.headers["content-type"], "application/grpc");
    let status = |headers: &HeaderMap| {
        headers.get("grpc-status").map(|status| status.to_str().unwrap().to_owned())
    };
    let collected = body.collect().await.unwrap();
    let told = collected.trailers().and_then(status).or_else(|| status(&head.headers));
    let bytes = collected.to_bytes();
    (told.unwrap(), bytes.slice(5.min(bytes.len())..))
}

fn model(name: &str, version: &str) -> ModelRequest {
    ModelRequest { name: name.into(), version: version.into() }
}

#[tokio::test]
async fn calls_about_a_model_become_requests_for_it() {
    let (status, answer) = call("ModelMetadata", &model("known", "2")).await;
    assert_eq!(status, "0");
    let answer = super::messages::ModelMetadataResponse::decode(answer).unwrap();
    assert_eq!(answer.name, "/v2/models/known/versions/2");
    let (status, _) = call("ModelMetadata", &model("other", "")).await;
    assert_eq!(status, "5");
    for (name, ready) in [("known", true), ("other", false)] {
        let (status, answer) = call("ModelReady", &model(name, "")).await;
        assert_eq!((&status[..], State::decode(answer).unwrap().yes), ("0", ready), "{name}");
    }
}

#[tokio::test]
async fn names_with_slashes_stay_one_segment() {
    let (status, answer) = call("ModelMetadata", &model("known/a b", "")).await;
    let answer = super::messages::ModelMetadataResponse::decode(answer).unwrap();
    assert_eq!((&status[..], &answer.name[..]), ("0", "/v2/models/known%2Fa%20b"));
}

#[tokio::test]
async fn paths_of_names_are_in_their_normal_form() {
    for name in ["known-pii-ner", "known_1.5~b"] {
        let (status, answer) = call("ModelMetadata", &model(name, "1")).await;
        let answer = super::messages::ModelMetadataResponse::decode(answer).unwrap();
        let path = format!("/v2/models/{name}/versions/1");
        assert_eq!((&status[..], &answer.name), ("0", &path));
        assert_eq!(pilotlight_wire::normalize_path(&path).unwrap(), path);
    }
}

#[tokio::test]
async fn tensors_pass_raw_and_in_typed_fields() {
    let tensor = |contents| InferTensor {
        name: "x".into(),
        datatype: "INT32".into(),
        shape: vec![2],
        contents,
        ..InferTensor::default()
    };
    let contents = InferTensorContents { int_contents: vec![1, -1], ..Default::default() };
    let raw = Bytes::from_static(&[1, 0, 0, 0, 255, 255, 255, 255]);
    for (contents, raw_input_contents) in [(Some(contents), vec![]), (None, vec![raw.clone()])] {
        let request = ModelInferRequest {
            model_name: "known".into(),
            id: "7".into(),
            inputs: vec![tensor(contents)],
            raw_input_contents,
            ..ModelInferRequest::default()
        };
        let (status, answer) = call("ModelInfer", &request).await;
        assert_eq!(status, "0");
        let answer = ModelInferResponse::decode(answer).unwrap();
        assert_eq!((&answer.id[..], &answer.outputs[0].name[..]), ("7", "x"));
        assert_eq!(answer.outputs[0].shape, [2]);
        assert_eq!(answer.raw_output_contents, std::slice::from_ref(&raw));
    }
}

#[tokio::test]
async fn what_does_not_fit_is_an_invalid_argument() {
    let int8 = InferTensor {
        datatype: "INT8".into(),
        contents: Some(InferTensorContents { int_contents: vec![128], ..Default::default() }),
        ..InferTensor::default()
    };
    let half = InferTensor { datatype: "FP16".into(), ..InferTensor::default() };
    let raw = vec![Bytes::from_static(&[0])];
    for (inputs, raw) in [
        (vec![int8.clone()], vec![]),
        (vec![half.clone()], vec![]),
        (vec![int8], raw.clone()),
        (vec![half.clone(), half], raw),
    ] {
        let request = ModelInferRequest {
            model_name: "known".into(),
            inputs,
            raw_input_contents: raw,
            ..ModelInferRequest::default()
        };
        assert_eq!(call("ModelInfer", &request).await.0, "3");
    }
}

#[tokio::test]
async fn unknown_calls_are_unimplemented_and_other_requests_go_on() {
    assert_eq!(call("ModelStreamInfer", &model("known", "")).await.0, "12");
    let request = Request::post("/known").body(whole(Bytes::new())).unwrap();
    let response = Grpc.handle(request, Echo).await;
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), r#"{"name":"/known"}"#);
}

#[test]
fn elements_of_all_types_have_little_endian_bytes() {
    let contents = || InferTensorContents {
        bool_contents: vec![true, false],
        int_contents: vec![-2],
        int64_contents: vec![-3],
        uint_contents: vec![4],
        uint64_contents: vec![5],
        fp32_contents: vec![1.0],
        fp64_contents: vec![2.0],
        bytes_contents: vec![Bytes::from_static(b"ab"), Bytes::new()],
    };
    let cases: [(&str, &[u8]); 11] = [
        ("BOOL", &[1, 0]),
        ("INT8", &[254]),
        ("INT16", &[254, 255]),
        ("INT64", &[253, 255, 255, 255, 255, 255, 255, 255]),
        ("UINT8", &[4]),
        ("UINT16", &[4, 0]),
        ("UINT32", &[4, 0, 0, 0]),
        ("UINT64", &[5, 0, 0, 0, 0, 0, 0, 0]),
        ("FP32", &[0, 0, 128, 63]),
        ("FP64", &[0, 0, 0, 0, 0, 0, 0, 64]),
        ("BYTES", &[2, 0, 0, 0, b'a', b'b', 0, 0, 0, 0]),
    ];
    for (datatype, bytes) in cases {
        assert_eq!(contents::bytes(datatype, contents()).unwrap(), bytes, "{datatype}");
    }
    assert!(contents::bytes("STRING", contents()).is_err());
}

#[test]
fn parameters_without_a_value_are_left_out() {
    let request = ModelInferRequest {
        parameters: [("a".to_owned(), InferParameter { choice: None })].into(),
        ..ModelInferRequest::default()
    };
    let (length, body) = infer::body(request).unwrap();
    let told: Value = serde_json::from_slice(&body[..length]).unwrap();
    assert_eq!(told["parameters"], json!({"binary_data_output": true}));
}
