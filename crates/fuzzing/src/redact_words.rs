//! Redaction over tokenizers of every kind: the text with the entities replaced, each of whole
//! characters, and of whole words where the model found it.

use std::collections::BTreeMap;

use arbitrary::Arbitrary;
use pilotlight_guest::model::TextModel;
use pilotlight_guest::tasks::token_classification::Span;
use pilotlight_guest::text::tokenizer::Tokenizer;
use serde_json::Value;

use crate::{exact, oracle};

const KINDS: &str = include_str!("../../../guest/tests/fixtures/tokenizers.jsonl");
const LABELS: [&str; 3] = ["O", "B-A", "I-A"];

#[derive(Debug, Arbitrary)]
pub struct Input {
    text: String,
    kind: u8,
    /// Chooses what the model finds.
    seed: u8,
    /// Given by the caller: first code point and length.
    spans: Option<Vec<(u8, u8)>>,
}

/// Finds some tokens, the same ones each time.
fn scores(seed: u8, ids: &[i64]) -> Vec<f32> {
    let scores = |id: &i64| match (*id as u8).wrapping_mul(31) ^ seed {
        0..64 => [0.0, 5.0, 0.0],
        64..96 => [0.0, 0.0, 5.0],
        _ => [5.0, 0.0, 0.0],
    };
    ids.iter().flat_map(scores).collect()
}

thread_local! {
    static PIPELINES: BTreeMap<(usize, u8), TextModel> = pipelines();
}

fn pipelines() -> BTreeMap<(usize, u8), TextModel> {
    let mut pipelines = BTreeMap::new();
    for (kind, line) in KINDS.lines().enumerate() {
        let line: Value = serde_json::from_str(line).expect("a line of JSON");
        for seed in 0..4 {
            let file = line["tokenizer"].to_string();
            let tokenizer = Tokenizer::load(file.as_bytes(), 16).expect("a tokenizer");
            let labels = LABELS.map(str::to_owned).to_vec();
            let oracle = oracle::model(tokenizer, labels, move |ids| scores(seed * 67, ids));
            pipelines.insert((kind, seed), oracle);
        }
    }
    pipelines
}

/// Runs the target.
pub fn run(input: Input) {
    PIPELINES.with(|pipelines| {
        let kinds = KINDS.lines().count();
        let pipeline = &pipelines[&(usize::from(input.kind) % kinds, input.seed % 4)];
        check(pipeline, &input);
    });
}

fn check(pipeline: &TextModel, input: &Input) {
    let text: Vec<char> = input.text.chars().collect();
    let given = input.spans.as_ref().map(|spans| {
        let span = |(start, length): &(u8, u8)| {
            let start = usize::from(*start).min(text.len());
            let end = (start + usize::from(*length)).min(text.len());
            Span { label: "A".into(), start, end, score: 1.0 }
        };
        spans.iter().map(span).collect::<Vec<_>>()
    });
    exact::check(pipeline, &input.text, given.as_deref());
}
