//! Streams that end before their time: nothing unchecked passes, and why is told in the stream's protocol.

use pilotlight_streams::{Form, LONGEST_ARGUMENTS, LONGEST_EVENT, StreamError};
use serde_json::{Value, json};

use crate::kit::{MAIL, chunk, data, events, passed, stop};

fn fails(form: Form, stream: &[u8]) -> (String, StreamError<&'static str>) {
    let (out, result) = passed(form, [stream]);
    (out, result.unwrap_err())
}

#[test]
fn what_could_not_be_checked_is_not_in_the_answer() {
    let (out, error) = fails(Form::Text, format!("Fine. Please refuse {MAIL}. More.").as_bytes());
    assert_eq!(error, StreamError::Rewrite("refused"));
    assert_eq!(out, "\n[error: refused]\n");
    let (out, _) = passed(Form::Text, ["Fine. Now ", "please refuse ", MAIL].map(str::as_bytes));
    assert_eq!(out, "Fine. \n[error: refused]\n");
}

#[test]
fn errors_are_told_in_the_protocol_of_the_stream() {
    let openai = events(&[chunk(json!({"content": "Please refuse"})), stop()]);
    let (out, _) = fails(Form::Events, openai.as_bytes());
    let error = json!({"message": "refused", "type": "server_error", "code": "refused"});
    assert_eq!(data(&out), [json!({"error": error})]);

    let delta = json!({"type": "text_delta", "text": "refuse"});
    let anthropic = events(&[
        json!({"type": "content_block_delta", "index": 0, "delta": delta}),
        json!({"type": "content_block_stop", "index": 0}),
    ]);
    let (out, _) = fails(Form::Events, anthropic.as_bytes());
    assert!(out.starts_with("event: error\n"), "{out}");
    let error = json!({"type": "api_error", "message": "refused"});
    assert_eq!(data(&out), [json!({"type": "error", "error": error})]);

    let (out, _) = fails(Form::TextToEvents, b"refuse");
    assert_eq!(data(&out), [json!({"error": "refused", "error_type": "refused"})]);
}

#[test]
fn events_that_are_not_known_end_the_stream_without_their_text() {
    let unknown = [
        json!({"type": "response.output_text.delta", "delta": MAIL}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "new", "text": MAIL}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "image"}}),
        json!({"message": MAIL}),
        json!({"choices": MAIL}),
        json!({"choices": [{"index": 0, "delta": {"content": [MAIL]}}]}),
        json!({"choices": [{"index": MAIL, "delta": {"content": "x"}}]}),
    ];
    for event in unknown {
        let (out, error) = fails(Form::Events, events(std::slice::from_ref(&event)).as_bytes());
        assert!(matches!(error, StreamError::Event { number: 1, .. }), "{event}: {error:?}");
        assert!(!out.contains(MAIL), "{event}: {out}");
    }
    let (out, _) = fails(Form::Events, format!("data: {MAIL}\n\n").as_bytes());
    assert!(!out.contains(MAIL), "{out}");
}

#[test]
fn a_text_does_not_go_on_after_its_end() {
    let stream = events(&[
        chunk(json!({"content": "4111 1111 "})),
        stop(),
        chunk(json!({"content": "1111 1111"})),
    ]);
    let (out, error) = fails(Form::Events, stream.as_bytes());
    assert!(matches!(error, StreamError::Event { number: 3, .. }));
    assert!(!out.contains("1111 1111\""), "{out}");
}

#[test]
fn arguments_that_are_not_json_end_the_stream() {
    let call = json!({"index": 0, "function": {"arguments": "{\"mail\": \"\\u0061da"}});
    let (out, _) =
        fails(Form::Events, events(&[chunk(json!({"tool_calls": [call]})), stop()]).as_bytes());
    assert!(!out.contains("u0061"), "{out}");
}

#[test]
fn what_is_not_utf_8_ends_the_stream() {
    assert_eq!(fails(Form::Text, b"ab\xff").1, StreamError::Encoding(2));
    let (out, result) = passed(Form::Text, [&b"ab\xc3"[..]]);
    assert_eq!(result, Err(StreamError::Encoding(2)));
    assert!(!out.contains("ab"), "{out}");
}

#[test]
fn what_is_held_is_bounded() {
    let line = format!("data: {}", "x".repeat(LONGEST_EVENT));
    assert!(matches!(fails(Form::Events, line.as_bytes()).1, StreamError::TooLong { .. }));
    let call = json!({"index": 0, "function": {"arguments": "1".repeat(LONGEST_ARGUMENTS / 2)}});
    let call: Value = chunk(json!({"tool_calls": [call]}));
    let stream = events(&[call.clone(), call.clone(), call]);
    assert!(matches!(fails(Form::Events, stream.as_bytes()).1, StreamError::TooLong { .. }));
}
