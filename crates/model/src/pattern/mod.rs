//! Translates regular expressions of `tokenizer.json` from Oniguruma, which `tokenizers` uses, to `fancy-regex` in the
//! sandbox. The two differ in some constructs; a construct without an equivalent is refused by name.
//! A leaf: every module above may use it. Does not know model folders.

mod class;
mod escape;
mod fold;
mod parse;
mod property;
mod repeat;

use serde_json::Value;

/// A pattern that cannot be translated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "pattern {pattern:?}: {construct} cannot be translated for the sandbox; rewrite the pattern \
     without it"
)]
pub struct PatternError {
    /// The whole pattern.
    pub pattern: String,
    /// Construct without an equivalent.
    pub construct: String,
}

/// Translates an Oniguruma pattern to one that `fancy-regex` matches alike.
///
/// # Errors
/// [`PatternError`] naming the construct that has no equivalent.
pub fn translate_pattern(pattern: &str) -> Result<String, PatternError> {
    parse::translate(pattern)
        .map_err(|construct| PatternError { pattern: pattern.to_owned(), construct })
}

/// Calls `visit` for each regular expression in a part of a `tokenizer.json` (a normalizer, a
/// pre-tokenizer or a decoder), in the order in which the part applies them. Plain strings to
/// split at or to replace are left out: they mean the same everywhere.
///
/// # Errors
/// The first error of `visit`.
pub fn visit_patterns<E>(
    part: &mut Value,
    visit: &mut dyn FnMut(&mut String) -> Result<(), E>,
) -> Result<(), E> {
    match part {
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value.get_mut("Regex")) {
                    ("pattern", Some(Value::String(pattern))) => visit(pattern)?,
                    _ => visit_patterns(value, visit)?,
                }
            }
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| visit_patterns(item, visit)),
        _ => Ok(()),
    }
}
