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
    /// How certain it is.
    pub score: f32,
    /// Where it begins, in code points.
    pub start: usize,
    /// Where it ends, in code points.
    pub end: usize,
}

/// A text in which values have been replaced.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Deidentified {
    /// The text.
    pub text: String,
    /// What was found in it, in its order.
    pub spans: Vec<Span>,
}

/// Where an entity is now. Nothing of its value is told but its length.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Span {
    /// Its label.
    pub label: String,
    /// How certain it is.
    pub score: f32,
    /// Where it, or what replaces it, begins in the de-identified text, in code points.
    pub start: usize,
    /// Where it ends there.
    pub end: usize,
    /// Where it was in the original text, in code points.
    pub original: Range<usize>,
    /// Whether it was replaced; the labels of others are not among those to de-identify.
    pub deidentified: bool,
    /// The key that was used, if one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
}
