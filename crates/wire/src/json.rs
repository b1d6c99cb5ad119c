//! JSON bodies of requests: what is not JSON, and what is JSON of another shape.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Errors of reading a body.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// There is nothing in it.
    #[error("the body is empty; send a JSON object")]
    Empty,
    /// The body is not JSON.
    #[error("not valid JSON: {0}")]
    Syntax(serde_json::Error),
    /// The body is not UTF-8 from this byte on.
    #[error("not valid JSON: not UTF-8 from byte {0} on")]
    Encoding(usize),
    /// The body is JSON, but not an object.
    #[error("the body is not a JSON object")]
    NoObject,
    /// The body is a JSON object with the wrong shape.
    #[error("{0}")]
    Shape(serde_json::Error),
}

impl JsonError {
    /// Whether the body is JSON, of another shape than what was asked for.
    pub fn is_json(&self) -> bool {
        matches!(self, Self::NoObject | Self::Shape(_))
    }
}

/// The body without a byte order mark in front (RFC 8259, section 8.1, lets parsers ignore it).
pub fn without_bom(body: &[u8]) -> &[u8] {
    body.strip_prefix(BOM).unwrap_or(body)
}

/// Reads a body that has to be a JSON object.
///
/// # Errors
/// [`JsonError`].
pub fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, JsonError> {
    let body = without_bom(body);
    if body.is_empty() {
        return Err(JsonError::Empty);
    }
    let text = std::str::from_utf8(body);
    let text = text.map_err(|error| JsonError::Encoding(error.valid_up_to()))?;
    // Read through once before it is judged: serde stops at the first value of a wrong type.
    serde_json::from_str::<IgnoredAny>(text).map_err(JsonError::Syntax)?;
    if !text.trim_ascii_start().starts_with('{') {
        return Err(JsonError::NoObject);
    }
    // The category of the error does not tell: serde_json reports some values of a wrong type, and numbers
    // out of range, as syntax errors, and our own types report syntax errors as errors of a key. Only half
    // a character passes the check above.
    serde_json::from_str(text).map_err(|error| match has_lone_surrogate(text.as_bytes()) {
        true => JsonError::Syntax(error),
        false => JsonError::Shape(error),
    })
}

/// Whether JSON has an escape that is half a character, which no string can hold.
fn has_lone_surrogate(json: &[u8]) -> bool {
    let unit = |at: usize| {
        let digits = json.get(at..at + 6)?.strip_prefix(br"\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let mut at = 0;
    while at < json.len() {
        if json[at] != b'\\' {
            at += 1;
            continue;
        }
        match unit(at) {
            Some(0xd800..=0xdbff) if matches!(unit(at + 6), Some(0xdc00..=0xdfff)) => at += 12,
            Some(0xd800..=0xdfff) => return true,
            Some(_) => at += 6,
            None => at += 2,
        }
    }
    false
}

/// A value whose default `null` stands for, for `#[serde(deserialize_with = …)]`.
///
/// # Errors
/// Those of the value.
pub fn null_is_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

/// A struct that is written as an object: structs that serde derives take lists, too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Objects<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Objects<T> {
            type Value = Object<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        from.deserialize_map(Objects(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Sent {
        text: String,
        #[serde(deserialize_with = "null_is_default")]
        count: u8,
        kind: Option<Kind>,
        inner: Option<Object<Inner>>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    enum Kind {
        Plain,
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default)]
    struct Inner {
        a: u8,
    }

    fn parse(body: impl AsRef<[u8]>) -> Result<Sent, JsonError> {
        parse_json(body.as_ref())
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_body() {
        assert_eq!(parse("\u{feff}{\"text\": \"a\"}").unwrap().text, "a");
        assert_eq!(parse("{\"text\": \"\u{feff}a\"}").unwrap().text, "\u{feff}a");
        assert!(matches!(parse("\u{feff}"), Err(JsonError::Empty)));
        assert!(matches!(parse("\u{feff}\u{feff}{}"), Err(JsonError::Syntax(_))));
    }

    #[test]
    fn json_of_another_shape_is_no_syntax_error() {
        for body in [
            "null",
            "[]",
            "\"a\"",
            r#"{"text": 1}"#,
            r#"{"count": 1e999}"#,
            r#"{"count": -1}"#,
            r#"{"kind": 7}"#,
            r#"{"kind": []}"#,
            r#"{"kind": true}"#,
            r#"{"kind": {"Plain": 1}}"#,
            r#"{"kind": {"Plain": null, "x": 1}}"#,
            r#"{"kind": {}}"#,
            r#"{"inner": [1]}"#,
            r#"{"inner": 1e400}"#,
            r#"{"unknown": "\uD83D\uDE00"}"#,
            r#"{"kind": 7, "text": "\\uD83D"}"#,
        ] {
            assert!(parse(body).unwrap_err().is_json(), "{body}");
        }
    }

    #[test]
    fn what_is_not_json_is_told_apart() {
        for body in
            ["", " ", "{", "{]", "{}{}", "{'a': 1}", r#"{"text": "\uD83D"}"#, "{\"text\": \"\0\"}"]
        {
            assert!(!parse(body).unwrap_err().is_json(), "{body}");
        }
        assert!(matches!(parse(b"{\"text\": \"\xff\"}"), Err(JsonError::Encoding(10))));
        assert!(matches!(parse(b"\xff\xfe{\0}\0"), Err(JsonError::Encoding(0))));
    }

    #[test]
    fn null_stands_for_what_is_not_said() {
        let sent = parse(r#"{"count": null, "kind": null, "inner": null}"#).unwrap();
        assert_eq!((sent.count, sent.kind, sent.inner), (0, None, None));
    }
}
