//! LiteLLM's generic guardrail API.

use serde_json::{Value, json};

use crate::client::{post, posted, recognizing, service};

const PATH: &str = "/beta/litellm_basic_guardrail_api";

fn decided(body: &Value) -> Value {
    posted(&recognizing(""), PATH, body)
}

#[test]
fn texts_without_entities_pass() {
    let body = json!({
        "texts": ["met", ""], "input_type": "request", "litellm_call_id": "1",
        "request_data": {"user_api_key_alias": null}, "images": null, "structured_messages": [],
    });
    assert_eq!(decided(&body), json!({"action": "NONE"}));
    assert_eq!(decided(&json!({"texts": [], "input_type": "response"})), json!({"action": "NONE"}));
}

#[test]
fn entities_are_redacted_in_each_text() {
    let body = json!({"texts": ["ada met", "met", "mail a@example.com"], "input_type": "request"});
    let expected =
        json!({"action": "GUARDRAIL_INTERVENED", "texts": ["[PER] met", "met", "mail [EMAIL]"]});
    assert_eq!(decided(&body), expected);
    let body = json!({
        "texts": ["ada"], "additional_provider_specific_params": {"placeholder": "<{label}>"},
    });
    assert_eq!(decided(&body)["texts"], json!(["<PER>"]));
}

#[test]
fn blocked_labels_and_images_block_the_request() {
    let body = json!({
        "texts": ["met", "card 4111 1111 1111 1111"],
        "additional_provider_specific_params": {"block": ["CREDIT_CARD"], "unknown": 1},
    });
    let answer = decided(&body);
    assert_eq!(answer["action"], "BLOCKED");
    let reason = answer["blocked_reason"].as_str().unwrap();
    assert!(reason.contains("CREDIT_CARD") && !reason.contains("4111"), "{reason}");
    let answer = decided(&json!({"texts": ["met"], "images": ["data:image/png;base64,"]}));
    assert_eq!(answer["action"], "BLOCKED");
}

#[test]
fn values_in_calls_of_tools_block_the_request() {
    let with = |arguments: &str, parameters: Value| {
        let call = json!({"id": "1", "type": "function", "function": {"arguments": arguments}});
        decided(&json!({
            "texts": ["met"], "tool_calls": [call],
            "additional_provider_specific_params": parameters,
        }))
    };
    let card = r#"{"card": 4111111111111111}"#;
    for arguments in [card, r#"{"name": "\u0061da"}"#, r#"{"ada": []}"#, "mail a@example.com"] {
        let answer = with(arguments, json!({}));
        assert_eq!(answer["action"], "BLOCKED", "{arguments}");
    }
    assert_eq!(with(r#"{"met": [true, 7]}"#, json!({}))["action"], "NONE");
    assert_eq!(with(card, json!({"ignore_tool_calls": true}))["action"], "NONE");
}

#[test]
fn requests_that_cannot_be_read_are_no_decisions() {
    let service = recognizing("");
    for body in [json!({"texts": "ada"}), json!({"texts": [7]}), json!([])] {
        let (status, answer) = post(&service, PATH, &body);
        assert!(status == 422 && answer.get("action").is_none(), "{answer}");
    }
    assert_eq!(post(&self::service("mpnet-fill-mask"), PATH, &json!({"texts": ["a"]})).0, 404);
}
