//! Paths of keys, such as `functions.ner.pool.min-ready` or `routes[1].to[0].weight`.

use std::fmt;
use std::str::{Chars, FromStr};

/// One step down the tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Name(String),
    Index(usize),
}

/// Where a value is, from the root.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(Vec<Part>);

impl Key {
    pub(crate) fn new(parts: Vec<Part>) -> Self {
        Self(parts)
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.0
    }

    /// The key of a value of this table.
    pub(crate) fn name(&self, name: &str) -> Self {
        self.with(Part::Name(name.to_owned()))
    }

    /// The key of an element of this array.
    pub(crate) fn index(&self, index: usize) -> Self {
        self.with(Part::Index(index))
    }

    fn with(&self, part: Part) -> Self {
        Self(self.0.iter().cloned().chain([part]).collect())
    }

    /// Whether the value is `above`, or somewhere in it.
    pub(crate) fn is_in(&self, above: &Self) -> bool {
        self.0.starts_with(&above.0)
    }

    /// The names and indices, as far as they fit a pattern such as `["functions", "*", "source"]`.
    pub(crate) fn fits(&self, pattern: &[&str]) -> bool {
        self.0.len() == pattern.len()
            && self.0.iter().zip(pattern).all(|(part, wanted)| match part {
                Part::Name(name) => *wanted == "*" || name == wanted,
                Part::Index(_) => *wanted == "[]",
            })
    }

    /// The route that the value is of, if it is one of `routes`.
    pub(crate) fn route(&self) -> Option<usize> {
        match self.0.as_slice() {
            [Part::Name(name), Part::Index(index), ..] if name == "routes" => Some(*index),
            _ => None,
        }
    }
}

fn bare(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, part) in self.0.iter().enumerate() {
            match part {
                Part::Index(index) => write!(f, "[{index}]")?,
                Part::Name(name) => {
                    let dot = if position == 0 { "" } else { "." };
                    if bare(name) { write!(f, "{dot}{name}")? } else { write!(f, "{dot}{name:?}")? }
                }
            }
        }
        Ok(())
    }
}

impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (part, after) = first(rest, parts.is_empty())
                .ok_or_else(|| format!("{text:?} is not a key; write names separated by dots"))?;
            parts.push(part);
            rest = after;
        }
        Ok(Self(parts))
    }
}

/// The first part of a key, and what comes after it.
fn first(text: &str, at_the_start: bool) -> Option<(Part, &str)> {
    if let Some(inner) = text.strip_prefix('[') {
        let (digits, after) = inner.split_once(']')?;
        return Some((Part::Index(digits.parse().ok()?), after));
    }
    let text = if at_the_start { text } else { text.strip_prefix('.')? };
    if let Some(inner) = text.strip_prefix('"') {
        let (name, after) = quoted(inner)?;
        return Some((Part::Name(name), after));
    }
    let end = text.find(['.', '[']).unwrap_or(text.len());
    let (name, after) = text.split_at(end);
    (!name.is_empty()).then(|| (Part::Name(name.to_owned()), after))
}

/// A name up to the quote that ends it, with the escapes that [`fmt::Debug`] writes, and what comes
/// after it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '"' => return Some((name, characters.as_str())),
            '\\' => name.push(escaped(&mut characters)?),
            other => name.push(other),
        }
    }
}

fn escaped(characters: &mut Chars<'_>) -> Option<char> {
    Some(match characters.next()? {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '0' => '\0',
        'u' => {
            let (digits, after) = characters.as_str().strip_prefix('{')?.split_once('}')?;
            *characters = after.chars();
            char::from_u32(u32::from_str_radix(digits, 16).ok()?)?
        }
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_names_are_read_again(
            names in prop::collection::vec("[a\"\\\\\n\0\u{200b}.\\[\\]-]{0,4}|.{0,4}", 1..4), index: usize,
        ) {
            let key = names.iter().fold(Key::default(), |key, name| key.name(name).index(index));
            prop_assert_eq!(key.to_string().parse::<Key>(), Ok(key));
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["a", "a.b-c", "routes[1].to[0].weight", "a.\"b.c\".d", ""] {
            assert_eq!(text.parse::<Key>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in [".", "a.", "a..b", "a[x]", "a[1", "a[1]b", "\"a", "\"a\\", "\"\\u{d800}\""] {
            assert!(text.parse::<Key>().is_err(), "{text}");
        }
    }
}
