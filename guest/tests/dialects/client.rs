//! Services of tiny models, and requests to them.

use std::path::Path;

use pilotlight_guest::engine::Placement;
use pilotlight_guest::model::Usage;
use pilotlight_guest::service::{Head, Service, refuse};
use pilotlight_model::{Choices, ModelFolder};
use pilotlight_testing::tiny_model;
use serde_json::{Value, json};

/// A model of `crates/testing/models`.
pub(crate) fn service(name: &str) -> Service {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/testing/models").join(name);
    let signature =
        |file: &Path| pilotlight_onnx::signature(file).map_err(|error| error.to_string());
    let folder = ModelFolder::detect(&folder, &Choices::default(), &signature).unwrap();
    Service::load(&folder, Placement::default()).unwrap()
}

/// The tiny model, which takes "ada" for a person and "paris" for a place.
pub(crate) fn tiny() -> Service {
    let folder = tiny_model::folder(&tiny_model::graph());
    Service::load(&ModelFolder::open(folder.path()).unwrap(), Placement::default()).unwrap()
}

/// The same with recognizers as `[recognizers]` says.
pub(crate) fn recognizing(options: &str) -> Service {
    let folder = tiny_model::folder(&tiny_model::graph());
    let manifest = folder.path().join("model.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, format!("{text}\n[recognizers]\n{options}")).unwrap();
    Service::load(&ModelFolder::open(folder.path()).unwrap(), Placement::default()).unwrap()
}

/// Status and body of the answer to a request.
pub(crate) fn answer(service: &Service, head: Head<'_>, body: &str) -> (u16, Value) {
    let answered = service
        .route(head)
        .and_then(|endpoint| service.answer(&endpoint, body.as_bytes(), &mut Usage::default()));
    let (status, body) = match answered {
        Ok(answer) => (200, answer.body.into()),
        Err(error) => refuse(head.path, &error),
    };
    (status, serde_json::from_slice(&body).unwrap())
}

/// Status and body of the answer to JSON.
pub(crate) fn post(service: &Service, path: &str, body: &Value) -> (u16, Value) {
    answer(service, Head { method: "POST", path, ..Head::default() }, &body.to_string())
}

/// The answer to JSON that is not refused.
pub(crate) fn posted(service: &Service, path: &str, body: &Value) -> Value {
    let (status, answer) = post(service, path, body);
    assert_eq!(status, 200, "{path} {body}: {answer}");
    answer
}

/// Status and body of what is there.
pub(crate) fn get(service: &Service, path: &str) -> (u16, Value) {
    answer(service, Head { method: "GET", path, ..Head::default() }, "")
}

/// How many tokens texts have, by `/tokenize`; special ones are counted if they are to be.
pub(crate) fn count_tokens(service: &Service, texts: &[&str], special: bool) -> usize {
    let body = json!({"inputs": texts, "add_special_tokens": special});
    let tokens = posted(service, "/tokenize", &body);
    tokens.as_array().unwrap().iter().map(|text| text.as_array().unwrap().len()).sum()
}

/// The numbers of a list.
pub(crate) fn floats(list: &Value) -> Vec<f64> {
    list.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// Whether two lists of numbers are the same to 1e-5.
pub(crate) fn close(one: &[f64], two: &[f64]) -> bool {
    one.len() == two.len() && one.iter().zip(two).all(|(one, two)| (one - two).abs() < 1e-5)
}
