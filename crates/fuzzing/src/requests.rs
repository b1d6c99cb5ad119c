//! Bodies of requests to each task, as anybody may send them.

use pilotlight_guest::api::{ApiError, parse};
use pilotlight_guest::model::{Model, Usage};
use pilotlight_guest::tasks;
use pilotlight_guest::tasks::token_classification::RedactRequest;
use pilotlight_guest::text::Tokenizer;
use pilotlight_model::Task;

use crate::oracle;

const TOKENIZER: &[u8] = include_bytes!("../../../models/pii-ner/tokenizer.json");
/// Tasks whose answers are made of one row of scores for each token.
const TASKS: [Task; 4] = [
    Task::TokenClassification,
    Task::FeatureExtraction,
    Task::SentenceEmbeddings,
    Task::SentenceSimilarity,
];

thread_local! {
    static MODEL: Model = {
        let tokenizer = Tokenizer::load(TOKENIZER, 64).expect("the default model has a tokenizer");
        let labels = vec!["O".to_owned(), "B-A".to_owned()];
        let scores = |ids: &[i64]| ids.iter().flat_map(|id| [1.0, (id % 3) as f32]).collect();
        Model::Text(Box::new(oracle::model(tokenizer, labels, scores)))
    };
}

/// What is refused is refused for a reason that is told in one line, with the status for it.
fn refused(error: &ApiError) {
    assert!(matches!(error.status(), 400 | 422), "{error}");
    assert!(!error.to_string().is_empty() && !error.to_string().contains('\n'), "{error}");
}

/// Runs the target.
pub fn run(body: &[u8]) {
    // A byte order mark in front is no part of the body.
    let json = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let is_json = serde_json::from_slice::<serde_json::Value>(json).is_ok();
    let redact = parse::<RedactRequest>(body).map(drop);
    let answers = TASKS.map(|task| {
        let answer = |model: &Model| tasks::answer(model, task, body, &mut Usage::default());
        MODEL.with(answer).map(drop)
    });
    for answer in answers.into_iter().chain([redact]) {
        match answer {
            Ok(()) => assert!(is_json, "no JSON was taken as some"),
            Err(error) => refused(&error),
        }
    }
}
