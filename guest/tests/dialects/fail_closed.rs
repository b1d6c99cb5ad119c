//! Nothing passes unchecked: whatever fails is told in the words of the caller's interface, and without the text.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use pilotlight_guest::engine::{
    Element, Encoder, Engine, EngineError, Later, NamedTensor, Padding, Port, Tensor,
};
use pilotlight_guest::function::Function;
use pilotlight_guest::model::{Model, TextModel, Usage};
use pilotlight_guest::service::{Head, Service, refuse};
use pilotlight_guest::text::Tokenizer;
use pilotlight_model::ModelFolder;
use pilotlight_testing::tiny_model::{self, LABELS};
use serde_json::{Value, json};

/// A text that a request has, and no answer.
const TEXT: &str = "confidential";
const GUARDRAIL: &str = "/beta/litellm_basic_guardrail_api";

/// An engine that computes nothing any more once it is told so.
struct Failing {
    ports: [Port; 2],
    how: Arc<AtomicU8>,
}

impl Engine for Failing {
    fn inputs(&self) -> &[Port] {
        &self.ports[..1]
    }

    fn outputs(&self) -> &[Port] {
        &self.ports[1..]
    }

    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<NamedTensor>, EngineError> {
        let later = || Later { reason: "the queue is full".to_owned(), seconds: 1 };
        match self.how.load(Ordering::Relaxed) {
            0 => {}
            1 => return Err(EngineError::Busy(later())),
            2 => return Err(EngineError::Unavailable(later())),
            _ => return Err(EngineError::Failed("it has crashed".to_owned())),
        }
        let tokens = inputs[0].bytes.len() / 8;
        let bytes = [1.0f32, 0.0, 0.0].repeat(tokens).into_iter().flat_map(f32::to_le_bytes);
        let shape = vec![1, tokens, LABELS.len()];
        let logits = Tensor { element: Element::F32, shape, bytes: bytes.collect() };
        Ok(vec![("logits".to_owned(), logits)])
    }

    fn place(&self) -> &'static str {
        "test"
    }
}

/// A service whose engine fails as the number says.
fn failing(how: u8) -> Service {
    let files = tiny_model::folder(&tiny_model::graph());
    let folder = ModelFolder::open(files.path()).unwrap();
    let switch = Arc::new(AtomicU8::new(0));
    let port = |name: &str, element, dims| Port { name: name.to_owned(), element, dims };
    let ports = [
        port("input_ids", Element::I64, vec![None, None]),
        port("logits", Element::F32, vec![None, None, Some(LABELS.len())]),
    ];
    let engine = Failing { ports, how: Arc::clone(&switch) };
    let padding =
        Padding { pad_to_multiple_of: 1, longest: usize::MAX, fixed: None, first_position: 0 };
    let encoder = Encoder::new(Box::new(engine), padding, (1, None)).unwrap();
    let tokenizer = tiny_model::tokenizer().to_string();
    let tokenizer = Tokenizer::load(tokenizer.as_bytes(), 64).unwrap();
    let labels = LABELS.map(str::to_owned).to_vec();
    let model = TextModel::from_parts(tokenizer, encoder, labels, folder.manifest().clone());
    let function = Function::new(&folder, Model::Text(Box::new(model)), "float32").unwrap();
    switch.store(how, Ordering::Relaxed);
    Service::new(function)
}

fn asked(service: &Service, path: &str, body: &str) -> (u16, String) {
    let endpoint = service.route(Head { method: "POST", path, ..Head::default() }).unwrap();
    match service.answer(&endpoint, body.as_bytes(), &mut Usage::default()) {
        Ok(answer) => (200, String::from_utf8(answer.body.into()).unwrap()),
        Err(error) => {
            let (status, body) = refuse(path, &error);
            (status, String::from_utf8(body).unwrap())
        }
    }
}

#[test]
fn an_engine_that_computes_nothing_is_an_error_everywhere() {
    let requests = [
        ("/v1/redact", json!({"text": TEXT})),
        ("/analyze", json!({"text": TEXT, "language": "en"})),
        (GUARDRAIL, json!({"texts": ["", TEXT], "input_type": "request"})),
        ("/gliner", json!({"text": TEXT, "labels": []})),
        ("/v1/token-classification", json!({"inputs": TEXT})),
    ];
    for (how, status, error_type) in
        [(1, 429, "busy"), (2, 503, "unavailable"), (3, 500, "internal")]
    {
        let service = failing(how);
        for (path, request) in &requests {
            let (answered, body) = asked(&service, path, &request.to_string());
            assert_eq!(answered, status, "{path}: {body}");
            let body: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(body["error_type"], error_type, "{path}: {body}");
            assert!(body.get("action").is_none(), "{path}: {body}");
            assert!(!body.to_string().contains(TEXT), "{path}: {body}");
        }
        // One that has come whole.
        let (answered, body) = asked(&service, "/v1/redact/stream", TEXT);
        assert_eq!(answered, status, "{body}");
        assert!(!body.contains(TEXT), "{body}");
    }
}

#[test]
fn a_stream_ends_with_an_error_where_its_text_could_not_be_checked() {
    for how in 1..=3 {
        let service = failing(how);
        for content_type in ["text/plain", "text/event-stream"] {
            let head = Head {
                method: "POST",
                path: "/v1/redact/stream",
                content_type: Some(content_type),
                ..Head::default()
            };
            let body = match content_type {
                "text/plain" => TEXT.to_owned(),
                _ => format!("data: {}\n\n", json!({"text": TEXT})),
            };
            let endpoint = service.route(head).unwrap();
            let mut session = service.open(&endpoint).unwrap().unwrap().session;
            let (mut usage, mut out) = (Usage::default(), Vec::new());
            session.push(body.as_bytes(), &mut usage, &mut out).unwrap();
            let error = session.finish(&mut usage, &mut out).unwrap_err();
            session.fail(&error, &mut out);
            let out = String::from_utf8(out).unwrap();
            assert!(out.contains("error") && !out.contains(TEXT), "{out}");
        }
    }
}

#[test]
fn entities_that_nothing_finds_are_refused() {
    let request = json!({"text": TEXT, "language": "en", "entities": ["NO_SUCH_ENTITY"]});
    let (status, body) = asked(&failing(0), "/analyze", &request.to_string());
    assert!(status == 422 && !body.contains(TEXT), "{status} {body}");
}
