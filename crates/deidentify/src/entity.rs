//! What is found in texts, and what is told of it afterwards.

use std::ops::Range;

use serde::Serialize;

use crate::key::KeyId;

/// Something found in a text. What it is called there is not asked: it is what the text has
/// between `start` and `end`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entity<'a> {
    /// Its label, such as `EMAIL`.
    pub label: &'a str,
    /// Confidence score.
    pub score: f32,
    /// Start in the text, in code points.
    pub start: usize,
    /// End in the text, in code points.
    pub end: usize,
}

/// A text in which values have been replaced.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Deidentified {
    /// The text.
    pub text: String,
    /// Entities that were found, in their order.
    pub spans: Vec<Span>,
}

/// Position of an entity. Of its value only the length is known.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Span {
    /// Its label.
    pub label: String,
    /// Confidence score.
    pub score: f32,
    /// Start of the entity, or of its replacement, in the de-identified text, in code points.
    pub start: usize,
    /// End in the de-identified text, in code points.
    pub end: usize,
    /// Position in the original text, in code points.
    pub original: Range<usize>,
    /// Whether it was replaced; the labels of others are not among those to de-identify.
    pub deidentified: bool,
    /// The key that was used, if one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
}
