//! Requests of each interface for a text, a list of texts, or anything else in their place.

use serde_json::{Value, json};

/// A text as a list of one.
fn list(texts: Value) -> Value {
    if texts.is_string() { json!([texts]) } else { texts }
}

pub(super) fn inputs(texts: Value) -> Value {
    json!({ "inputs": texts })
}

pub(super) fn input(texts: Value) -> Value {
    json!({ "input": texts })
}

pub(super) fn text(texts: Value) -> Value {
    json!({ "text": texts })
}

pub(super) fn similarity(texts: Value) -> Value {
    json!({"inputs": {"source_sentence": "a", "sentences": list(texts)}})
}

pub(super) fn ranked(texts: Value) -> Value {
    json!({"query": "a", "texts": list(texts)})
}

pub(super) fn documents(texts: Value) -> Value {
    json!({"query": "a", "documents": texts})
}

pub(super) fn scored(texts: Value) -> Value {
    json!({"text_1": "a", "text_2": texts})
}

pub(super) fn labeled(texts: Value) -> Value {
    json!({"inputs": texts, "parameters": {"candidate_labels": ["a", "b"]}})
}

pub(super) fn questions(texts: Value) -> Value {
    let question = |context: Value| json!({"question": "a", "context": context});
    match texts {
        Value::Array(texts) => inputs(texts.into_iter().map(question).collect()),
        text => inputs(question(text)),
    }
}

pub(super) fn pairs(texts: Value) -> Value {
    match texts {
        Value::Array(texts) => inputs(texts.into_iter().map(|text| json!([text])).collect()),
        text => inputs(text),
    }
}

pub(super) fn ids(texts: Value) -> Value {
    match texts {
        Value::Array(texts) => json!({"ids": vec![[5]; texts.len()]}),
        Value::String(_) => json!({"ids": [5]}),
        other => json!({ "ids": other }),
    }
}

pub(super) fn tensor(texts: Value) -> Value {
    let data = list(texts);
    let count = data.as_array().map_or(1, Vec::len);
    json!({"inputs": [{"name": "text", "shape": [count], "datatype": "BYTES", "data": data}]})
}

pub(super) fn anonymized(texts: Value) -> Value {
    json!({"text": texts, "analyzer_results": []})
}

pub(super) fn deanonymized(texts: Value) -> Value {
    let key = "0123456789abcdef";
    let deanonymizers = json!({"DEFAULT": {"type": "decrypt", "key": key}});
    json!({"text": texts, "anonymizer_results": [], "deanonymizers": deanonymizers})
}

pub(super) fn guarded(texts: Value) -> Value {
    json!({"texts": list(texts), "input_type": "request"})
}
