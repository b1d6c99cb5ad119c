//! OpenAI's chat completions.

use pilotlight_streams::Form;
use serde_json::{Value, json};

use crate::kit::{CARD, MAIL, chunk, data, events, joined, passes, stop};

fn pass(all: &[Value]) -> String {
    passes(Form::Events, &(events(all) + "data: [DONE]\n\n"))
}

#[test]
fn a_value_in_several_events_is_found() {
    let out = pass(&[
        chunk(json!({"role": "assistant", "content": ""})),
        chunk(json!({"content": "Mail ada@ex"})),
        chunk(json!({"content": "ample.com. And"})),
        chunk(json!({"content": " then"})),
        stop(),
    ]);
    let told = data(&out);
    assert_eq!(joined(&out, "/choices/0/delta/content"), "Mail [EMAIL]. And then");
    assert_eq!(told[0]["choices"][0]["delta"], json!({"role": "assistant"}));
    assert_eq!(told[0]["id"], "chatcmpl-1");
    assert_eq!(told.last().unwrap()["choices"][0]["finish_reason"], "stop");
    assert!(out.ends_with("data: [DONE]\n\n"));
}

#[test]
fn the_rest_of_a_text_passes_before_the_reason_to_end() {
    let choice = json!({"index": 0, "delta": {"content": "to you."}, "finish_reason": "length"});
    let last = json!({"object": "chat.completion.chunk", "choices": [choice]});
    let out = pass(&[chunk(json!({"content": "Good day "})), last]);
    let told = data(&out);
    assert_eq!(told.len(), 2);
    assert_eq!(told[0]["choices"][0]["delta"]["content"], "Good day to you.");
    assert_eq!(told[0]["choices"][0]["finish_reason"], Value::Null);
    assert_eq!(told[1]["choices"][0]["delta"], json!({}));
    assert_eq!(told[1]["choices"][0]["finish_reason"], "length");
}

#[test]
fn choices_are_texts_of_their_own() {
    let both = |one: &str, other: &str| {
        json!({"choices": [
            {"index": 0, "delta": {"content": one}},
            {"index": 1, "delta": {"content": other}},
        ]})
    };
    let out = pass(&[both("4111 1111", "5500 0000"), both(" 1111 1111", " 0000 0004")]);
    let choices = data(&out);
    let contents: Vec<_> =
        choices.iter().flat_map(|event| event["choices"].as_array().unwrap().clone()).collect();
    assert_eq!(contents[0]["delta"]["content"], "[CREDIT_CARD]");
    assert_eq!(contents[1]["delta"]["content"], "[CREDIT_CARD]");
}

#[test]
fn keys_that_could_repeat_a_text_are_left_out() {
    let mut event = chunk(json!({"content": "Hi. ", "annotations": [MAIL]}));
    event["choices"][0]["logprobs"] = json!({"content": [{"token": CARD}]});
    event["user"] = json!(MAIL);
    event["model"] = json!("a model with spaces");
    let out = pass(&[event, stop()]);
    assert!(!out.contains(MAIL) && !out.contains(CARD), "{out}");
    assert!(!out.contains("spaces") && out.contains("Hi. "), "{out}");
}

#[test]
fn arguments_of_tools_are_rewritten_string_by_string() {
    let call = |arguments: &str| {
        chunk(json!({"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]}))
    };
    let head = json!({"index": 0, "id": "call_1", "type": "function",
                      "function": {"name": "pay", "arguments": ""}});
    let out = pass(&[
        chunk(json!({"tool_calls": [head]})),
        call("{\"card\": 41111111"),
        call("11111111, \"mail\": \"\\u0061da@example"),
        call(".com\", \"all\": true}"),
        stop(),
    ]);
    let first = &data(&out)[0]["choices"][0]["delta"]["tool_calls"][0];
    assert_eq!((&first["id"], &first["function"]["name"]), (&json!("call_1"), &json!("pay")));
    let arguments = joined(&out, "/choices/0/delta/tool_calls/0/function/arguments");
    let arguments: Value = serde_json::from_str(&arguments).unwrap();
    assert_eq!(arguments, json!({"card": "[CREDIT_CARD]", "mail": "[EMAIL]", "all": true}));
}

#[test]
fn usage_passes_and_so_do_comments() {
    let usage = json!({"prompt_tokens": 3, "details": {"cached": 1}});
    let event = json!({"choices": [], "usage": usage});
    let out = passes(Form::Events, &format!(": ping\n\n{}", events(&[event])));
    assert!(out.starts_with(":\n\n"), "{out}");
    assert_eq!(data(&out)[0]["usage"], usage);
}

#[test]
fn completions_have_their_text_in_the_choice() {
    let event = |text: &str, reason: Value| {
        json!({"object": "text_completion",
               "choices": [{"index": 0, "text": text, "finish_reason": reason}]})
    };
    let out = pass(&[event("ada@exam", Value::Null), event("ple.com", json!("stop"))]);
    assert_eq!(joined(&out, "/choices/0/text"), "[EMAIL]");
    assert_eq!(data(&out).last().unwrap()["choices"][0]["finish_reason"], "stop");
}
