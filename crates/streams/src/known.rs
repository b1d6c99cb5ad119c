//! What passes of events without being a text: ids, names, numbers.

use serde_json::{Map, Value};

/// Longest id or name, in bytes.
const LONGEST: usize = 128;

/// The values of known keys, as far as they are no texts.
pub(crate) fn pick(object: &Map<String, Value>, keys: &[&str]) -> Map<String, Value> {
    let known = keys.iter().filter_map(|key| Some(((*key).to_owned(), plain(object.get(*key)?)?)));
    known.collect()
}

/// A value without texts: ids, names, numbers, and objects of them.
pub(crate) fn plain(value: &Value) -> Option<Value> {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Some(value.clone()),
        Value::String(text) => is_name(text).then(|| value.clone()),
        Value::Object(object) => {
            let inner = object.iter().filter(|(key, _)| is_name(key));
            let inner = inner.filter_map(|(key, value)| Some((key.clone(), plain(value)?)));
            Some(Value::Object(inner.collect()))
        }
        Value::Array(_) => None,
    }
}

/// Whether a string is an id or a name, such as `chatcmpl-9f3c` or `openai/gpt-5`.
pub(crate) fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
    text.len() <= LONGEST && text.bytes().all(fits)
}
