//! Arguments of tools: JSON that is rewritten string by string.

use serde_json::{Map, Value};

use crate::error::Refused;
use crate::rewrite::Rewrite;

/// Rewrites all strings, numbers and keys of a JSON text. A number that changes becomes a string.
///
/// # Errors
/// [`Refused::Event`] for what is not JSON: escapes could hide a value from who reads it as a text.
pub(crate) fn rewrite<R: Rewrite>(
    arguments: &str,
    rewriter: &mut R,
) -> Result<String, Refused<R::Error>> {
    if arguments.trim().is_empty() {
        return Ok(String::new());
    }
    let value = serde_json::from_str(arguments);
    let value = value.map_err(|_| Refused::Event("the arguments of a tool are not JSON"))?;
    Ok(changed(value, rewriter)?.to_string())
}

fn changed<R: Rewrite>(value: Value, rewriter: &mut R) -> Result<Value, R::Error> {
    Ok(match value {
        Value::Null | Value::Bool(_) => value,
        Value::String(text) => Value::String(rewriter.whole(&text)?),
        Value::Number(number) => {
            let text = number.to_string();
            let rewritten = rewriter.whole(&text)?;
            if rewritten == text { Value::Number(number) } else { Value::String(rewritten) }
        }
        Value::Array(items) => {
            let items = items.into_iter().map(|item| changed(item, rewriter));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        Value::Object(object) => {
            let mut rewritten = Map::new();
            for (key, value) in object {
                rewritten.insert(rewriter.whole(&key)?, changed(value, rewriter)?);
            }
            Value::Object(rewritten)
        }
    })
}
