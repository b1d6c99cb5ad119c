//! The texts of a JSON body: all of its strings but names, ids and the like.

use serde_json::Value;

/// Keys of values that are no texts where they look like a name.
const NAMES: [&str; 22] = [
    "id",
    "object",
    "model",
    "role",
    "type",
    NAME,
    "status",
    "code",
    "param",
    "effort",
    "format",
    "detail",
    "encoding_format",
    "finish_reason",
    "stop_reason",
    "service_tier",
    "system_fingerprint",
    "tool_call_id",
    "tool_use_id",
    "tool_choice",
    "media_type",
    "previous_response_id",
];
/// Of a function, or of a person beside a `role`.
const NAME: &str = "name";
/// Longest name, in bytes.
const LONGEST_NAME: usize = 128;
/// JSON within a string.
const ARGUMENTS: &str = "arguments";
/// Keys of contents that are no texts, such as images, and cannot be looked through.
const CONTENTS: [&str; 7] =
    ["image_url", "input_audio", "file_data", "file_id", "file", "audio", "logprobs"];
/// A source of Anthropic's images and documents.
const ENCODED: &str = "base64";

/// A value has a part that cannot be looked through.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot be checked for personal data; send texts only")]
pub(super) struct Unreadable(pub(super) String);

/// What can be a text, in the order of [`replace`].
///
/// # Errors
/// [`Unreadable`].
pub(super) fn texts(value: &Value) -> Result<Vec<String>, Unreadable> {
    let mut texts = Vec::new();
    let mut copy = value.clone();
    visit(&mut copy, "", &mut |text| texts.push(std::mem::take(text)))?;
    Ok(texts)
}

/// Puts as many texts in the place of those that [`texts`] gave.
///
/// # Errors
/// As [`texts`].
pub(super) fn replace(value: &mut Value, texts: Vec<String>) -> Result<(), Unreadable> {
    let mut texts = texts.into_iter();
    visit(value, "", &mut |text| *text = texts.next().unwrap_or_default())
}

fn visit(
    value: &mut Value,
    key: &str,
    change: &mut impl FnMut(&mut String),
) -> Result<(), Unreadable> {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        Value::String(text) if key == ARGUMENTS => arguments(text, change),
        Value::String(text) => {
            if !is_no_text(key, text) {
                change(text);
            }
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| visit(item, key, change)),
        Value::Object(object) => {
            let of_person = object.contains_key("role");
            for (key, value) in object {
                let is_encoded = key == "type" && value.as_str() == Some(ENCODED);
                if is_encoded || (CONTENTS.contains(&&key[..]) && holds_something(value)) {
                    return Err(Unreadable(key.clone()));
                }
                let key = if of_person && key == NAME { "" } else { key };
                visit(value, key, change)?;
            }
            Ok(())
        }
    }
}

/// Visits the arguments of a tool, which are JSON. Others are a text.
fn arguments(text: &mut String, change: &mut impl FnMut(&mut String)) -> Result<(), Unreadable> {
    let Ok(mut value) = serde_json::from_str::<Value>(text) else {
        change(text);
        return Ok(());
    };
    as_texts(&mut value, change);
    *text = value.to_string();
    Ok(())
}

/// All strings and numbers of a value are texts. A number that changes becomes a string.
fn as_texts(value: &mut Value, change: &mut impl FnMut(&mut String)) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => {
            let told = number.to_string();
            let mut text = told.clone();
            change(&mut text);
            if text != told {
                *value = Value::String(text);
            }
        }
        Value::String(text) => change(text),
        Value::Array(items) => items.iter_mut().for_each(|item| as_texts(item, change)),
        Value::Object(object) => object.values_mut().for_each(|value| as_texts(value, change)),
    }
}

fn holds_something(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(_))
}

fn is_no_text(key: &str, text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
    NAMES.contains(&key) && text.len() <= LONGEST_NAME && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_are_replaced_and_names_are_not() {
        let mut body = json!({
            "model": "gpt-5", "temperature": 0.1,
            "messages": [
                {"role": "user", "content": "I am Ada."},
                {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
                {"role": "assistant", "tool_calls": [
                    {"id": "call_1", "type": "function",
                     "function": {"name": "find", "arguments": "{\"card\": 4111, \"who\": \"Bob\"}"}},
                ]},
            ],
        });
        let found = texts(&body).unwrap();
        assert_eq!(found, ["I am Ada.", "Hello", "4111", "Bob"]);
        replace(&mut body, ["1", "2", "3", "4"].map(str::to_owned).to_vec()).unwrap();
        assert_eq!(body["messages"][0]["content"], "1");
        assert_eq!(body["messages"][1]["content"][0]["text"], "2");
        let function = &body["messages"][2]["tool_calls"][0]["function"];
        assert_eq!(function["arguments"], r#"{"card":"3","who":"4"}"#);
        assert_eq!(
            (&body["model"], &body["messages"][0]["role"]),
            (&json!("gpt-5"), &json!("user"))
        );
    }

    #[test]
    fn a_name_with_words_is_a_text() {
        let body = json!({
            "name": "Ada Lovelace", "user": "ada@example.com", "model": "org/model",
            "messages": [{"role": "user", "name": "Bob"}],
        });
        let mut found = texts(&body).unwrap();
        found.sort();
        assert_eq!(found, ["Ada Lovelace", "Bob", "ada@example.com"]);
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for body in [
            json!({"content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}),
            json!({"content": [{"source": {"type": "base64", "data": "aGk="}}]}),
            json!({"content": [{"input_audio": {"data": "aGk="}}]}),
            json!({"choices": [{"logprobs": {"content": []}}]}),
        ] {
            assert!(texts(&body).is_err(), "{body}");
        }
        assert_eq!(texts(&json!({"logprobs": null, "audio": false})).unwrap(), [""; 0]);
    }
}
