//! A rewriter, and streams in chunks.

use std::sync::OnceLock;

use pilotlight_recognizers::{Candidate, RecognizerOptions, Recognizers, Segments, resolve};
use pilotlight_streams::{Failure, Form, Rewrite, Stream, StreamError};
use serde_json::{Value, json};

pub(crate) const CARD: &str = "4111 1111 1111 1111";
pub(crate) const MAIL: &str = "ada@example.com";

/// Redacts what recognizers find in segments. Refuses a text with `refuse`.
pub(crate) struct Redactor;

fn recognizers() -> &'static Recognizers {
    static ALL: OnceLock<Recognizers> = OnceLock::new();
    ALL.get_or_init(|| Recognizers::new(&RecognizerOptions::default()).unwrap())
}

fn redacted(segment: &str) -> Result<String, &'static str> {
    if segment.contains("refuse") {
        return Err("refused");
    }
    let points: Vec<char> = segment.chars().collect();
    let found = recognizers().find(segment).into_iter().map(Candidate::from).collect();
    let mut redacted = String::new();
    let mut position = 0;
    for decision in resolve(found, |_, _| true) {
        let Candidate { start, end, label, .. } = decision.candidate;
        redacted.extend(&points[position..start]);
        redacted.push_str(&format!("[{label}]"));
        position = end;
    }
    redacted.extend(&points[position..]);
    Ok(redacted)
}

impl Rewrite for Redactor {
    type Text = Segments;
    type Error = &'static str;

    fn push(&mut self, text: &mut Segments, chunk: &str) -> Result<String, &'static str> {
        text.push(chunk).iter().map(|segment| redacted(segment)).collect()
    }

    fn finish(&mut self, text: Segments) -> Result<String, &'static str> {
        text.finish().iter().map(|segment| redacted(segment)).collect()
    }
}

/// A text, redacted as a whole.
pub(crate) fn whole(text: &str) -> String {
    Redactor.whole(text).unwrap()
}

/// What becomes of bytes in chunks, and how it ends.
pub(crate) fn passed<'a>(
    form: Form,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> (String, Result<(), StreamError<&'static str>>) {
    let mut stream = Stream::new(form);
    let mut out = Vec::new();
    let mut result = Ok(());
    for chunk in chunks {
        if result.is_ok() {
            result = stream.push(chunk, &mut Redactor, &mut out);
        }
    }
    if result.is_ok() {
        result = stream.finish(&mut Redactor, &mut out);
    }
    if let Err(error) = &result {
        let message = error.to_string();
        stream.fail(Failure { error_type: "refused", message: &message }, &mut out);
    }
    (String::from_utf8(out).unwrap(), result)
}

/// What becomes of a stream that passes to its end.
pub(crate) fn passes(form: Form, stream: &str) -> String {
    let (out, result) = passed(form, [stream.as_bytes()]);
    assert_eq!(result, Ok(()), "{out}");
    out
}

/// Cuts bytes at places that any numbers give.
pub(crate) fn cut<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    ends.sort_unstable();
    let mut from = 0;
    let mut chunks = Vec::new();
    for end in ends.into_iter().chain([bytes.len()]) {
        chunks.push(&bytes[from..end]);
        from = end;
    }
    chunks
}

/// An event stream of data.
pub(crate) fn events(data: &[Value]) -> String {
    data.iter().map(|data| format!("data: {data}\n\n")).collect()
}

/// The data of an event stream; `[DONE]` and comments are left out.
pub(crate) fn data(stream: &str) -> Vec<Value> {
    let lines = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    lines.filter(|line| *line != "[DONE]").map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// An event of a chat completion.
pub(crate) fn chunk(delta: Value) -> Value {
    let choices = json!([{"index": 0, "delta": delta, "finish_reason": null}]);
    json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": choices})
}

/// Its end.
pub(crate) fn stop() -> Value {
    let choices = json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]);
    json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": choices})
}

/// The texts of a key of all deltas, joined.
pub(crate) fn joined(stream: &str, pointer: &str) -> String {
    data(stream)
        .iter()
        .filter_map(|event| event.pointer(pointer)?.as_str().map(str::to_owned))
        .collect()
}
