//! Comparison of a server's labels with those of ONNX Runtime.

use anyhow::Context as _;
use serde_json::json;

use super::corpus::{Golden, golden};
use crate::compare::report::text;
use crate::http;

/// The number of tokens with the golden label, and of all tokens.
pub(super) fn of(port: u16) -> anyhow::Result<(usize, usize)> {
    let counts = golden()?.iter().map(|text| equal(port, text)).collect::<Result<Vec<_>, _>>()?;
    Ok(counts.into_iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1)))
}

fn equal(port: u16, golden: &Golden) -> anyhow::Result<(usize, usize)> {
    let parameters = json!({"aggregation_strategy": "none", "ignore_labels": []});
    let body = json!({"inputs": golden.text, "parameters": parameters});
    let response = http::post(port, "/", &body)?;
    let tokens = response.as_array().context("the response is not a list")?;
    // Responses do not contain special tokens.
    let expected = &golden.labels[1..golden.labels.len() - 1];
    let label = |index: usize| tokens.iter().find(|token| token["index"] == index);
    let same = |(index, expected): &(usize, &String)| {
        label(index + 1).is_some_and(|token| text(&token["entity"]) == **expected)
    };
    Ok((expected.iter().enumerate().filter(same).count(), expected.len()))
}
