//! Small tokenizers of many kinds, and a model that labels tokens by their ids.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test uses what it needs"
)]

use std::collections::BTreeMap;

use pilotlight_guest::model::{TextModel, Usage};
use pilotlight_guest::text::tokenizer::Tokenizer;
use serde::Deserialize;
use serde_json::Value;

use crate::oracle;

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

    /// The same tokenizer, with other tokens that the model labels.
    pub fn marking(&self, marked: BTreeMap<i64, usize>) -> Self {
        let (name, tokenizer) = (self.name.clone(), self.tokenizer.clone());
        Self { name, tokenizer, marked, cases: Vec::new() }
    }

    pub fn pipeline(&self) -> TextModel {
        let labels = LABELS.map(str::to_owned).to_vec();
        let marked = self.marked.clone();
        let scores = move |id: &i64| match marked.get(id) {
            Some(label) => [0, 1, 2, 3].map(|at| if at == *label { 5.0 } else { 0.0 }),
            None => [4.0, 0.0, 0.0, 0.0],
        };
        oracle::model(self.load(), labels, move |ids| ids.iter().flat_map(&scores).collect())
    }
}

pub fn redacted(pipeline: &TextModel, text: &str) -> String {
    let request = serde_json::from_value(serde_json::json!({"text": text})).unwrap();
    pipeline.redact(request, &mut Usage::default()).unwrap().text
}
