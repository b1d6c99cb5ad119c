//! JSON as Python's `json` writes it.

use std::borrow::Cow;

use serde_json::Value;

/// UTF-8 byte order mark (Unicode 23.8): of no meaning, and common in files written on Windows.
const BOM: &str = "\u{feff}";
/// What Python's `json` writes for floating-point numbers that JSON does not have.
const NOT_FINITE: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// Bytes without the byte order mark that they may begin with.
pub fn without_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BOM.as_bytes()).unwrap_or(bytes)
}

/// Reads JSON that may begin with a byte order mark and hold numbers that are not finite; these are
/// `null`.
///
/// # Errors
/// The mistake and its place, in words.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, String> {
    let text = str::from_utf8(without_bom(bytes)).map_err(|error| error.to_string())?;
    serde_json::from_str(&only_finite(text)).map_err(|error| error.to_string())
}

/// The text with `null` instead of numbers that are not finite. Nothing that is read is one.
fn only_finite(text: &str) -> Cow<'_, str> {
    if !NOT_FINITE.iter().any(|number| text.contains(number)) {
        return Cow::Borrowed(text);
    }
    let (mut finite, mut rest, mut in_string) = (String::new(), text, false);
    while let Some(next) = rest.chars().next() {
        let number = NOT_FINITE.iter().find(|number| !in_string && rest.starts_with(**number));
        let length = match (number, next) {
            (Some(number), _) => {
                finite.push_str("null");
                rest = &rest[number.len()..];
                continue;
            }
            // An escaped quotation mark does not end a string.
            (None, '\\') if in_string => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            (None, '"') => {
                in_string = !in_string;
                1
            }
            (None, other) => other.len_utf8(),
        };
        finite.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    Cow::Owned(finite)
}
