//! Small tokenizers of many kinds, and a model that labels tokens by their ids.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test uses what it needs"
)]

use std::collections::BTreeMap;

use pilotlight_guest::compute::{Compute, ComputeError, Sequence};
use pilotlight_guest::pipeline::{Pipeline, Timings};
use pilotlight_guest::tensor::Logits;
use pilotlight_guest::tokenizer::Tokenizer;
use serde::Deserialize;
use serde_json::Value;

pub const LABELS: [&str; 4] = ["O", "B-PER", "I-PER", "B-LOC"];

/// A line of `fixtures/tokenizers.jsonl`.
#[derive(Deserialize)]
pub struct Kind {
    pub name: String,
    pub tokenizer: Value,
    pub marked: BTreeMap<i64, usize>,
    pub cases: Vec<Case>,
}

/// What `transformers` answers.
#[derive(Deserialize)]
pub struct Case {
    pub text: String,
    pub strategy: String,
    pub expected: Vec<(String, f32, String, usize, usize)>,
}

pub fn kinds() -> Vec<Kind> {
    let lines = include_str!("../fixtures/tokenizers.jsonl").lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub fn kind(name: &str) -> Kind {
    kinds().into_iter().find(|kind| kind.name == name).unwrap()
}

impl Kind {
    pub fn load(&self) -> Tokenizer {
        Tokenizer::load(self.tokenizer.to_string().as_bytes(), 64).unwrap()
    }

    pub fn pipeline(&self) -> Pipeline {
        let labels = LABELS.map(str::to_owned).to_vec();
        Pipeline::new(self.load(), Box::new(Marks(self.marked.clone())), labels)
    }
}

pub fn redacted(pipeline: &Pipeline, text: &str) -> String {
    let request = serde_json::from_value(serde_json::json!({"text": text})).unwrap();
    pipeline.redact(request, &mut Timings::default()).unwrap().text
}

/// Labels marked tokens.
pub struct Marks(pub BTreeMap<i64, usize>);

impl Compute for Marks {
    fn logits(&self, sequence: &Sequence) -> Result<Logits, ComputeError> {
        let scores = |id: &i64| match self.0.get(id) {
            Some(label) => {
                (0..LABELS.len()).map(|at| if at == *label { 5.0 } else { 0.0 }).collect()
            }
            None => vec![4.0, 0.0, 0.0, 0.0],
        };
        let values = sequence.ids.iter().flat_map(scores).collect();
        Ok(Logits::from_values(LABELS.len(), values).unwrap())
    }

    fn labels(&self) -> usize {
        LABELS.len()
    }

    fn vocabulary(&self) -> Option<usize> {
        None
    }

    fn place(&self) -> &'static str {
        "test"
    }
}
