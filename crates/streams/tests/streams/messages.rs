//! Anthropic's messages.

use pilotlight_streams::Form;
use serde_json::{Value, json};

use crate::kit::{MAIL, data, events, joined, passes};

fn delta(index: u64, delta: Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn text(text: &str) -> Value {
    delta(0, json!({"type": "text_delta", "text": text}))
}

fn start(block: Value) -> Value {
    json!({"type": "content_block_start", "index": 0, "content_block": block})
}

fn pass(all: &[Value]) -> String {
    passes(Form::Events, &events(all))
}

#[test]
fn a_message_passes_with_its_values_replaced() {
    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "content": [],
                         "model": "claude", "usage": {"input_tokens": 3}});
    let out = pass(&[
        json!({"type": "message_start", "message": message}),
        start(json!({"type": "text", "text": ""})),
        json!({"type": "ping"}),
        text("Mail ada@exa"),
        text("mple.com. Th"),
        text("en wait"),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "usage": {"output_tokens": 9},
               "delta": {"stop_reason": "stop_sequence", "stop_sequence": MAIL}}),
        json!({"type": "message_stop"}),
    ]);
    let kinds: Vec<_> =
        data(&out).iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        kinds,
        [
            "message_start",
            "content_block_start",
            "ping",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
    );
    assert_eq!(joined(&out, "/delta/text"), "Mail [EMAIL]. Then wait");
    assert_eq!(data(&out)[0]["message"], message);
    assert_eq!(data(&out)[6]["delta"]["stop_sequence"], "[EMAIL]");
    assert!(out.starts_with("event: message_start\ndata: "));
}

#[test]
fn thinking_is_a_text_and_its_signature_is_left_out() {
    let out = pass(&[
        start(json!({"type": "thinking", "thinking": "", "signature": ""})),
        delta(0, json!({"type": "thinking_delta", "thinking": format!("It is {MAIL}.")})),
        delta(0, json!({"type": "signature_delta", "signature": "AAAA"})),
        json!({"type": "content_block_stop", "index": 0}),
    ]);
    assert_eq!(joined(&out, "/delta/thinking"), "It is [EMAIL].");
    assert!(!out.contains("AAAA"));
}

#[test]
fn input_of_tools_is_rewritten_when_it_is_complete() {
    let part = |json: &str| delta(0, json!({"type": "input_json_delta", "partial_json": json}));
    let out = pass(&[
        start(json!({"type": "tool_use", "id": "toolu_1", "name": "send", "input": {}})),
        part(""),
        part("{\"to\": \"ada@ex"),
        part("ample.com\"}"),
        json!({"type": "content_block_stop", "index": 0}),
    ]);
    assert_eq!(data(&out)[0]["content_block"]["name"], "send");
    assert_eq!(joined(&out, "/delta/partial_json"), "{\"to\":\"[EMAIL]\"}");
}

#[test]
fn an_error_of_the_other_side_passes_without_values() {
    let error = json!({"type": "overloaded_error", "message": format!("for {MAIL}")});
    let out = pass(&[json!({"type": "error", "error": error})]);
    assert_eq!(
        data(&out)[0]["error"],
        json!({"type": "overloaded_error", "message": "for [EMAIL]"})
    );
}
