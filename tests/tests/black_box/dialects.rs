//! The interfaces of other servers, as the host serves them.

use std::fs;

use pilotlight_tests::refusals::PATHS;
use pilotlight_tests::{Answer, Server, component, send, send_to_socket, test_guest};
use serde_json::{Value, json};
use ureq::http::Request;

const TEXT: &str = "My name is Sarah.";

fn model() -> Server {
    Server::start(&[component().to_str().unwrap()])
}

fn infer(server: &Server, model: &str) -> Answer {
    let text = json!({"name": "text", "shape": [1], "datatype": "BYTES", "data": [TEXT]});
    let body = json!({"id": "7", "inputs": [text]}).to_string();
    server.post(&format!("/v2/models/{model}/infer"), body)
}

#[test]
fn statistics_count_what_a_version_has_answered() {
    let server = model();
    let statistics = || {
        let answer = server.get("/v2/models/pii-ner/stats");
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["model_stats"][0].clone()
    };
    let before = statistics();
    assert_eq!((&before["name"], &before["version"]), (&json!("pii-ner"), &json!("1")));
    for _ in 0..2 {
        assert_eq!(infer(&server, "pii-ner").json()["id"], "7");
    }
    assert_eq!(server.post("/v2/models/pii-ner/infer", "{}").status, 400);
    let after = statistics();
    let count = |told: &Value, of: &str| told["inference_stats"][of]["count"].as_u64().unwrap();
    assert_eq!(count(&after, "compute_infer") - count(&before, "compute_infer"), 2);
    assert_eq!(count(&after, "fail") - count(&before, "fail"), 1);
    assert!(after["inference_stats"]["compute_infer"]["ns"].as_u64().unwrap() > 0);
    assert_eq!(server.get("/v2/models/stats").json()["model_stats"][0]["name"], "pii-ner");
    let described = server.get("/v2");
    assert_eq!(described.header("content-length"), described.text.len().to_string());
    let extensions = described.json()["extensions"].clone();
    let guest = ["classification", "model_configuration", "binary_tensor_data", "parameters"];
    assert_eq!(extensions, json!([&guest[..], &["statistics"]].concat()));
    let document = server.get("/openapi.json");
    assert_eq!(document.header("content-length"), document.text.len().to_string());
    for path in ["/v2/models/stats", "/v2/models/{model}/stats"] {
        let operation = &document.json()["paths"][path]["get"];
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        assert_eq!(schema["required"], json!(["model_stats"]), "{operation}");
        assert!(operation["responses"]["4XX"].is_object(), "{operation}");
    }
    assert_eq!(server.get("/v2/models/other/stats").status, 404);
    assert_eq!(server.post("/v2/models/stats", "").status, 405);
}

#[test]
fn the_host_refuses_in_the_words_of_the_path() {
    let path = component();
    let server = Server::start(&[path.to_str().unwrap(), "--max-body-bytes", "2000"]);
    let long = "a".repeat(3000);
    let refused = |path: &str| {
        let answer = server.post(path, long.clone());
        assert_eq!(answer.status, 413, "{path}: {}", answer.text);
        assert_eq!(answer.header("content-type"), "application/json", "{path}");
        answer.json()
    };
    let own = refused("/v1/token-classification");
    assert_eq!(own["error_type"], "payload_too_large");
    let message = own["error"].as_str().unwrap();
    assert_eq!(refused("/predict"), json!({"error": message, "error_type": "Validation"}));
    assert_eq!(refused("/v2/models/pii-ner/infer"), json!({"error": message}));
    assert_eq!(refused("/v1/rerank")["message"], message);
    let error = &refused("/v1/embeddings")["error"];
    assert_eq!(
        (&error["message"], &error["type"]),
        (&json!(message), &json!("invalid_request_error"))
    );
    // A refused call has status 200, and trailers alone (gRPC over HTTP/2, Responses).
    let call = Request::post(format!("{}/inference.GRPCInferenceService/ModelInfer", server.url));
    let answer = send(call.header("content-type", "application/grpc").body(long.into()).unwrap());
    assert_eq!((answer.status, answer.header("grpc-status")), (200, "8"));
    assert_eq!(answer.header("content-type"), "application/grpc");
}

#[test]
fn too_many_requests_are_told_in_the_words_of_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pilotlight.toml");
    let source = test_guest("p3");
    let text = format!(
        "functions.default.source = {source:?}\nauth.slow = {{ rate = 0.001, burst = 1 }}\n\
         [[routes]]\nto = \"default\"\nauth = \"slow\"\n"
    );
    fs::write(&file, text).unwrap();
    let server = Server::start(&["--config", file.to_str().unwrap()]);
    assert_eq!(server.get("/count").status, 200);
    let told = server.get("/count").json()["error"].as_str().unwrap().to_owned();
    for (path, form) in PATHS {
        let refused = server.post(path, "{}");
        assert_eq!((refused.status, refused.json()), (429, form.body(429, &told)), "{path}");
        assert!(refused.header("retry-after").parse::<u64>().unwrap() > 0, "{path}");
    }
}

#[test]
fn the_repository_loads_versions() {
    let folder = tempfile::tempdir().unwrap();
    let (socket, next) = (folder.path().join("admin.sock"), folder.path().join("next.wasm"));
    let guest = test_guest("p3");
    fs::write(&next, [fs::read(&guest).unwrap(), b"\0\x02\x01x".to_vec()].concat()).unwrap();
    let arguments = [guest.to_str().unwrap(), "--admin-socket", socket.to_str().unwrap()];
    let server = Server::start(&arguments);
    let post = |path: &str, body: Value| {
        let request = Request::post(format!("/v2/repository/{path}"));
        send_to_socket(&server.socket, &request.body(body.to_string().into_bytes()).unwrap())
    };
    let index = json!([{"name": "default", "version": "1", "state": "READY"}]);
    assert_eq!(post("index", json!({"ready": true})).json(), index);
    let version = || server.get("/echo").header("x-pilotlight-version").to_owned();
    let before = version();
    let loaded = post("models/default/load", json!({"parameters": {"source": next}}));
    assert_eq!((loaded.status, &loaded.text[..]), (200, ""));
    let after = version();
    assert_ne!(after, before);
    for (path, body, status) in [
        ("models/other/load", json!({}), 404),
        ("models/default/load", json!({"parameters": {"source": "/nowhere.wasm"}}), 400),
        ("models/default/load", json!({"parameters": {"config": "{}"}}), 501),
        ("models/default/load", json!({"parameters": 1}), 400),
        ("models/default/unload", json!({}), 501),
        ("other", json!({}), 404),
    ] {
        let refused = post(path, body);
        assert_eq!(refused.status, status, "{path}: {}", refused.text);
        assert!(refused.json()["error"].is_string(), "{path}");
    }
    assert_eq!(version(), after);
}
