//! Requests with many texts, which idle instances answer in parts.

use pilotlight_tests::{Answer, Server, component, root, send};
use serde_json::{Value, json};
use ureq::http::Request;

const PATH: &str = "/v1/token-classification";

fn server(options: &[&str]) -> Server {
    let component = component();
    Server::start(&[&[component.to_str().unwrap()], options].concat())
}

/// How many calls have come to an instance.
fn calls(server: &Server) -> f64 {
    let request = Request::get(format!("{}/metrics", server.admin)).body(Vec::new());
    let metrics = send(request.unwrap()).text;
    let lines = metrics.lines().filter(|line| line.starts_with("pilotlight_pool_acquired_total"));
    lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
}

/// What a request is answered, and how many instances answered it.
fn asked(server: &Server, body: &Value) -> (Answer, f64) {
    let before = calls(server);
    let answer = server.post(PATH, body.to_string());
    (answer, calls(server) - before)
}

fn texts(count: usize) -> Vec<String> {
    (0..count)
        .map(|at| format!("My name is Sarah and I live in {at} Long Street, London."))
        .collect()
}

#[test]
fn many_texts_are_answered_by_idle_instances_as_by_one() {
    let (splits, whole) = (server(&[]), server(&["--concurrent-requests", "1"]));
    let request = json!({"inputs": texts(7), "parameters": {"aggregation_strategy": "simple"}});
    let ((in_parts, instances), (in_one, one)) =
        (asked(&splits, &request), asked(&whole, &request));
    assert_eq!((in_parts.status, in_one.status), (200, 200), "{}", in_parts.text);
    let cores = std::thread::available_parallelism().unwrap().get();
    assert_eq!((instances, one), (cores.min(7) as f64, 1.0));
    assert_eq!(in_parts.text, in_one.text);
    assert_eq!(in_parts.json().as_array().unwrap().len(), 7);
    for name in ["content-type", "x-inference-time", "x-pilotlight-version"] {
        assert!(!in_parts.header(name).is_empty(), "{name}");
    }
    assert_eq!(in_parts.header("content-length"), in_parts.text.len().to_string());
}

#[test]
fn what_parts_repeat_is_counted_once() {
    let folder = root().join("crates/testing/models/mpnet-sentence-embeddings");
    let start = |options: &[&str]| {
        Server::start(&[&[folder.to_str().unwrap(), "--compute", "guest"], options].concat())
    };
    let (splits, whole) = (start(&[]), start(&["--concurrent-requests", "1"]));
    let inputs = json!({"source_sentence": "Where is Paris?", "sentences": texts(5)});
    let request = json!({ "inputs": inputs }).to_string();
    let before = calls(&splits);
    let (in_parts, in_one) =
        (splits.post("/similarity", request.clone()), whole.post("/similarity", request));
    assert_eq!((in_parts.status, in_one.status), (200, 200), "{}", in_parts.text);
    let cores = std::thread::available_parallelism().unwrap().get();
    assert!(calls(&splits) - before >= cores.min(2) as f64);
    assert_eq!(in_parts.text, in_one.text);
    for name in ["x-compute-characters", "x-compute-tokens"] {
        assert!(!in_one.header(name).is_empty(), "{name}");
        assert_eq!(in_parts.header(name), in_one.header(name), "{name}");
    }
}

#[test]
fn what_is_refused_is_refused_in_the_words_of_the_whole_request() {
    let (splits, whole) = (server(&[]), server(&["--concurrent-requests", "1"]));
    let too_many = json!({"inputs": texts(257)});
    let unknown = json!({"inputs": texts(4), "parameters": {"unknown": 1}});
    let of_wrong_type = json!({"inputs": ["a", "b", 3]});
    for request in [too_many, unknown, of_wrong_type] {
        let (refused, expected) = (asked(&splits, &request).0, asked(&whole, &request).0);
        assert!((400..500).contains(&refused.status), "{}", refused.text);
        assert_eq!((refused.status, &refused.text), (expected.status, &expected.text));
    }
}

#[test]
fn a_text_alone_is_not_split() {
    let server = server(&[]);
    for inputs in [json!("My name is Sarah."), json!(["My name is Sarah."])] {
        let (answer, instances) = asked(&server, &json!({ "inputs": inputs }));
        assert_eq!((answer.status, instances), (200, 1.0), "{}", answer.text);
    }
}
