use pilotlight_testing::skipped;
use pilotlight_tests::{Server, component, root, send};
use serde_json::{Value, json};

/// The default model, served.
pub(crate) fn server() -> Server {
    Server::start(&[component().to_str().unwrap()])
}

pub(crate) fn golden() -> Vec<Value> {
    let text = std::fs::read_to_string(root().join("tests/golden/pii_ner.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn at_least_995_tokens_of_1000_have_the_label_that_onnx_runtime_gives_them() {
    check_golden_labels(&server(), 995);
}

/// Compares the label of every token of the golden texts; `at_least` of 1000 have to be equal.
pub(crate) fn check_golden_labels(server: &Server, at_least: usize) {
    let lines = golden();
    let parameters = json!({"aggregation_strategy": "none", "ignore_labels": []});
    let (mut tokens, mut equal) = (0, 0);
    for batch in lines.chunks(40) {
        let texts: Vec<&Value> = batch.iter().map(|line| &line["text"]).collect();
        let body = json!({"inputs": texts, "parameters": parameters}).to_string();
        let answer = server.post("/v1/token-classification", body);
        assert_eq!(answer.status, 200, "{}", answer.text);
        for (line, entities) in batch.iter().zip(answer.json().as_array().unwrap()) {
            let entities = entities.as_array().unwrap();
            assert_eq!(entities.len() + 2, line["ids"].as_array().unwrap().len());
            for entity in entities {
                let index = entity["index"].as_u64().unwrap() as usize;
                equal += usize::from(entity["entity"] == line["labels"][index]);
                let place = json!([entity["start"], entity["end"]]);
                assert_eq!(place, line["offsets"][index], "{} at {index}", line["text"]);
                tokens += 1;
            }
        }
    }
    assert_eq!(tokens, 10_282);
    assert!(equal * 1000 >= tokens * at_least, "{equal} of {tokens}");
}

#[test]
fn a_text_is_redacted() {
    let server = server();
    let text = "My name is Sarah Jane Smith, reach me at sarah.smith@example.com.";
    let answer = server.post("/v1/redact", json!({"text": text}).to_string());
    let expected = "My name is [GIVEN_NAME] [SURNAME], reach me at [EMAIL].";
    assert_eq!(answer.json()["text"], expected, "{}", answer.text);
}

#[test]
fn info_tells_what_is_served() {
    let server = server();
    let info = server.get("/info").json();
    assert_eq!(info["model"], "pii-ner");
    assert_eq!(info["task"], "token-classification");
    assert_eq!(info["max_length"], 512);
    assert_eq!(info["labels"].as_array().unwrap().len(), 35);
    assert_eq!(info["compute"], "guest");
    assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
    assert!(info["files"]["model.onnx"].as_str().unwrap().starts_with("9f27d249"));
}

#[test]
fn every_answer_carries_its_id_and_times() {
    let server = server();
    let request = |id: Option<&str>, path: &str| {
        let mut request = ureq::http::Request::get(format!("{}{path}", server.url));
        if let Some(id) = id {
            request = request.header("x-request-id", id);
        }
        send(request.body(vec![]).unwrap())
    };
    assert_eq!(request(Some("mine-1"), "/info").header("x-request-id"), "mine-1");
    assert_eq!(request(Some("mine-2"), "/nowhere").header("x-request-id"), "mine-2");
    let long = "x".repeat(200);
    let replaced = request(Some(&long), "/info");
    assert_ne!(replaced.header("x-request-id"), long);
    let made = [request(None, "/info"), request(None, "/info")];
    assert_ne!(made[0].header("x-request-id"), made[1].header("x-request-id"));
    let answer = server.post("/", r#"{"inputs": "Ada Lovelace"}"#);
    let time = |name: &str| answer.header(name).parse::<f64>().unwrap();
    assert!(time("x-inference-time") > 0.0);
    assert!(time("x-tokenization-time") >= 0.0);
    assert!(time("x-total-time") >= time("x-inference-time") + time("x-tokenization-time"));
}

#[test]
fn http_2_is_spoken_to_those_who_know() {
    let server = server();
    let url = format!("{}/info", server.url);
    let arguments = ["--silent", "--http2-prior-knowledge", "--write-out", "%{http_version}"];
    let curl = std::process::Command::new("curl").args(arguments).arg(url).output();
    match curl {
        Ok(output) => {
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(text.starts_with('{') && text.ends_with("}2"), "{text}");
        }
        Err(_) if std::env::var_os("CI").is_none() => skipped("there is no curl"),
        Err(error) => panic!("curl: {error}"),
    }
}
