//! Labels through HTTP beside those that ONNX Runtime gave.

use anyhow::Context as _;
use serde_json::json;

use super::corpus::{Golden, golden};
use crate::compare::words::word;
use crate::http;

/// Tokens with the golden label, and all tokens.
pub(super) fn of(port: u16) -> anyhow::Result<(usize, usize)> {
    let counts = golden()?.iter().map(|text| equal(port, text)).collect::<Result<Vec<_>, _>>()?;
    Ok(counts.into_iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1)))
}

fn equal(port: u16, golden: &Golden) -> anyhow::Result<(usize, usize)> {
    let parameters = json!({"aggregation_strategy": "none", "ignore_labels": []});
    let body = json!({"inputs": golden.text, "parameters": parameters});
    let answer = http::post(port, "/", &body)?;
    let tokens = answer.as_array().context("the answer is no list")?;
    // Special tokens have no place in an answer.
    let expected = &golden.labels[1..golden.labels.len() - 1];
    let label = |index: usize| tokens.iter().find(|token| token["index"] == index);
    let same = |(index, expected): &(usize, &String)| {
        label(index + 1).is_some_and(|token| word(&token["entity"]) == **expected)
    };
    Ok((expected.iter().enumerate().filter(same).count(), expected.len()))
}
