//! `wasi:nn` for a guest that is not ours: written against the WIT alone.

use pilotlight_onnx::encode;
use pilotlight_onnx::proto::{GraphProto, ModelProto, OperatorSetIdProto};
use pilotlight_testing::tiny_model::{floats, node, tensor_value};
use pilotlight_tests::{Server, outcome, pilotlight, test_guest};
use serde_json::{Value, json};
use tempfile::TempDir;

const F32: i32 = 1;

/// `y = x + [1, 2]`, for any number of rows of two.
fn graph() -> ModelProto {
    ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
        graph: Some(GraphProto {
            name: "g".into(),
            node: vec![node("Add", &["x", "step"], "y")],
            initializer: vec![floats("step", &[2], &[1.0, 2.0])],
            input: vec![tensor_value("x", F32, &["rows", "2"])],
            output: vec![tensor_value("y", F32, &["rows", "2"])],
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn serve(arguments: &[&str]) -> (Server, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("add.onnx");
    std::fs::write(&file, encode(&graph())).unwrap();
    let (guest, named) = (test_guest("nn"), format!("add={}", file.display()));
    let fixed = [guest.to_str().unwrap(), "--backend", "tract", "--graph", &named];
    (Server::start(&[&fixed, arguments].concat()), folder)
}

fn input(name: &str, ty: &str, shape: &[u32], bytes: &[u8]) -> Value {
    json!({"name": name, "type": ty, "shape": shape, "bytes": bytes})
}

fn row(values: [f32; 2]) -> Value {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    input("x", "f32", &[1, 2], &bytes)
}

fn call(server: &Server, request: &Value) -> Value {
    let answer = server.post("/", request.to_string());
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// The sum that a call returned.
fn sum(answer: &Value) -> Vec<f32> {
    let output = &answer["outputs"][0];
    assert_eq!((&output["name"], &output["type"]), (&json!("y"), &json!("TensorType::Fp32")));
    let bytes: Vec<u8> = serde_json::from_value(output["bytes"].clone()).unwrap();
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

fn refused(server: &Server, request: &Value) -> (String, String) {
    let answer = call(server, request);
    let text = |key: &str| answer["error"][key].as_str().unwrap_or_default().to_owned();
    (text("code"), text("data"))
}

#[test]
fn a_graph_is_computed_by_name() {
    let (server, _folder) = serve(&[]);
    let request = json!({"graph": "add", "inputs": [row([1.0, 1.0])], "times": 3});
    let answer = call(&server, &request);
    assert_eq!(answer["outputs"][0]["shape"], json!([1, 2]));
    assert_eq!(sum(&answer), [2.0, 3.0]);
}

#[test]
fn another_file_of_a_graph_is_another_version_and_can_be_taken_back() {
    let (server, folder) = serve(&["--watch"]);
    let request = json!({"graph": "add", "inputs": [row([1.0, 1.0])]});
    let version =
        || server.post("/", request.to_string()).header("x-pilotlight-version").to_owned();
    let before = version();
    let mut other = graph();
    other.graph.as_mut().unwrap().initializer = vec![floats("step", &[2], &[5.0, 5.0])];
    let [file, new] = ["add.onnx", "new.onnx"].map(|name| folder.path().join(name));
    std::fs::write(&new, encode(&other)).unwrap();
    std::fs::rename(new, file).unwrap();
    let start = std::time::Instant::now();
    while version() == before {
        assert!(start.elapsed() < std::time::Duration::from_secs(60), "it was not noticed");
    }
    assert_eq!(sum(&call(&server, &request)), [6.0, 6.0]);
    let rollback = ["rollback", "--admin", &server.socket];
    assert_eq!(outcome(&mut pilotlight(&rollback)).0, 0);
    assert_eq!((version(), sum(&call(&server, &request))), (before, vec![2.0, 3.0]));
}

#[test]
fn every_caller_gets_its_own_rows() {
    let (server, _folder) = serve(&["--max-batch", "16"]);
    std::thread::scope(|scope| {
        for caller in 0..8 {
            let server = &server;
            scope.spawn(move || {
                for call_number in 0..40 {
                    let sentinel = (caller * 1000 + call_number) as f32;
                    let inputs = [row([sentinel, -sentinel])];
                    let request = json!({"graph": "add", "inputs": inputs, "times": 20});
                    let answer = call(server, &request);
                    assert_eq!(sum(&answer), [sentinel + 1.0, 2.0 - sentinel]);
                }
            });
        }
    });
}

#[test]
fn what_does_not_fit_is_refused_with_the_codes_of_the_wit() {
    let (server, _folder) = serve(&[]);
    let with = |input: Value| json!({"graph": "add", "inputs": [input]});
    let cases = [
        (
            json!({"graph": "none"}),
            "NotFound",
            "graph \"none\" does not exist; loaded graphs are add",
        ),
        (json!({"graph": "add"}), "InvalidArgument", "input x: f32 [rows, 2] is missing"),
        (with(input("z", "f32", &[1, 2], &[0; 8])), "InvalidArgument", "\"z\" is not one of x"),
        (with(input("x", "i32", &[1, 2], &[0; 8])), "InvalidArgument", "is of i32"),
        (with(input("x", "f32", &[1, 3], &[0; 12])), "InvalidArgument", "of shape [1, 3]"),
        (with(input("x", "f32", &[1, 2], &[0; 7])), "InvalidArgument", "7 bytes"),
        (with(input("x", "f32", &[0, 2], &[])), "InvalidArgument", "is empty"),
        (with(input("x", "f32", &[1; 9], &[0; 4])), "InvalidArgument", "9 dimensions"),
        (
            with(input("x", "f32", &[u32::MAX; 8], &[0; 4])),
            "TooLarge",
            "is too large for the address space",
        ),
        (with(input(&"x".repeat(1000), "f32", &[1, 2], &[0; 8])), "TooLarge", "1000 bytes"),
        (json!({"graph": "add", "hoard": 70, "inputs": [row([0.0; 2])]}), "TooLarge", "tensors"),
    ];
    for (request, code, part) in cases {
        let (found, data) = refused(&server, &request);
        assert_eq!(found, format!("ErrorCode::{code}"), "{request}: {data}");
        assert!(data.contains(part), "{data}");
    }
    let request = json!({"graph": "add", "inputs": [row([1.0, 1.0])]});
    assert_eq!(sum(&call(&server, &request)), [2.0, 3.0]);
}

#[test]
fn graphs_of_guests_are_refused_unless_they_are_allowed() {
    let bytes = encode(&graph());
    let load = |parts: &[&[u8]], encoding: &str| json!({"parts": parts, "encoding": encoding, "inputs": [row([1.0, 1.0])]});
    let (server, _folder) = serve(&[]);
    let (code, data) = refused(&server, &load(&[&bytes], "onnx"));
    assert_eq!((&code[..], data.contains("load-by-name")), ("ErrorCode::Security", true), "{data}");
    let (server, _folder) = serve(&["--allow-guest-graphs"]);
    assert_eq!(sum(&call(&server, &load(&[&bytes], "onnx"))), [2.0, 3.0]);
    let cases: [(&[&[u8]], &str, &str); 4] = [
        (&[b"nonsense"], "onnx", "InvalidEncoding"),
        (&[&bytes, &bytes], "onnx", "InvalidArgument"),
        (&[], "onnx", "InvalidArgument"),
        (&[&bytes], "openvino", "InvalidEncoding"),
    ];
    for (parts, encoding, code) in cases {
        let (found, data) = refused(&server, &load(parts, encoding));
        assert_eq!(found, format!("ErrorCode::{code}"), "{data}");
    }
}
