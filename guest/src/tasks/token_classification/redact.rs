//! Entities out of a text, placeholders in.

use super::request::{Entity, Explanation, Redacted, Span};
use crate::api::ApiError;
use crate::text::words::Cuts;
use crate::text::{CodePoints, Token, Words};

const DEFAULT_PLACEHOLDER: &str = "[{label}]";

/// Whether spans of one label that touch are one entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touching {
    /// They are. Models without tags for ends often begin anew within an entity (`B-EMAIL` for each
    /// part of an address).
    Joined,
    /// They are not: the model's labels say where entities end.
    Separate,
}

/// Replaces `spans` in `text`, whose labels may have a `B-` or `I-` in front: for callers that do not
/// know the model's labels. Overlapping spans count as one, labeled like the longest of them; spans
/// of one label that touch count as one, too.
///
/// # Errors
/// [`ApiError::Invalid`] for a span that does not lie in the text.
pub fn redact(
    text: &str,
    mut spans: Vec<Span>,
    placeholder: Option<&str>,
) -> Result<Redacted, ApiError> {
    for Span { label, .. } in &mut spans {
        if let Some(group) = label.strip_prefix("B-").or_else(|| label.strip_prefix("I-")) {
            *label = group.to_owned();
        }
    }
    replace(text, spans, placeholder, Touching::Joined)
}

/// Replaces `spans` in `text`, labeled by their groups and widened to whole grapheme clusters.
/// Overlapping spans count as one, labeled like the longest of them.
///
/// # Errors
/// [`ApiError::Invalid`] for a span that does not lie in the text.
pub fn replace(
    text: &str,
    spans: Vec<Span>,
    placeholder: Option<&str>,
    touching: Touching,
) -> Result<Redacted, ApiError> {
    let points = CodePoints::new(text);
    let spans = settle(text, spans, touching)?;
    Ok(write(&points, spans, placeholder))
}

/// Sorts and joins spans, and widens them to whole grapheme clusters.
///
/// # Errors
/// [`ApiError::Invalid`] for a span that does not lie in the text.
pub(super) fn settle(
    text: &str,
    spans: Vec<Span>,
    touching: Touching,
) -> Result<Vec<Joined>, ApiError> {
    let length = text.chars().count();
    for Span { label, start, end, .. } in &spans {
        if start > end || *end > length {
            return Err(ApiError::Invalid(format!(
                "entity {label} at {start}..{end} is outside of the text of {length} code points"
            )));
        }
    }
    if spans.is_empty() {
        return Ok(Vec::new());
    }
    Ok(join(whole_graphemes(spans, &Cuts::between_graphemes(text)), touching))
}

/// Replaces spans that do not overlap and are in the order of the text.
pub(super) fn write(
    text: &CodePoints<'_>,
    spans: Vec<Joined>,
    placeholder: Option<&str>,
) -> Redacted {
    let placeholder = placeholder.unwrap_or(DEFAULT_PLACEHOLDER);
    let mut redacted = String::new();
    let mut position = 0;
    for Joined { span, .. } in &spans {
        redacted.push_str(text.slice(position, span.start));
        redacted.push_str(&placeholder.replace("{label}", &span.label));
        position = span.end;
    }
    redacted.push_str(text.slice(position, text.len()));
    let entities = spans.into_iter().map(|Joined { span, also_labels, explanation, .. }| Entity {
        word: text.slice(span.start, span.end).to_owned(),
        entity_group: Some(span.label),
        also_labels,
        explanation,
        entity: None,
        score: span.score,
        index: None,
        start: span.start,
        end: span.end,
    });
    Redacted { entities: entities.collect(), text: redacted }
}

/// A span, made of one or several.
pub(super) struct Joined {
    pub(super) span: Span,
    /// Length of the longest of them.
    longest: usize,
    /// Labels of the others, where they are not the same.
    pub(super) also_labels: Vec<String>,
    /// Who found it, where that is asked.
    pub(super) explanation: Option<Explanation>,
}

impl Joined {
    pub(super) fn new(span: Span) -> Self {
        let longest = span.end - span.start;
        Self { longest, span, also_labels: Vec::new(), explanation: None }
    }

    fn touches(&self, next: &Self) -> bool {
        self.span.end == next.span.start
    }

    fn add(&mut self, other: Self) {
        let mut label = other.span.label;
        if other.longest > self.longest {
            self.longest = other.longest;
            std::mem::swap(&mut self.span.label, &mut label);
        }
        self.also_labels.push(label);
        self.also_labels.extend(other.also_labels);
        self.also_labels.retain(|label| *label != self.span.label);
        self.also_labels.sort_unstable();
        self.also_labels.dedup();
        self.span.end = self.span.end.max(other.span.end);
        self.span.score = self.span.score.max(other.span.score);
    }
}

/// Sorts and joins spans until none overlap and, where touching spans are joined, no two of one label
/// touch.
fn join(mut spans: Vec<Span>, touching: Touching) -> Vec<Joined> {
    spans.retain(|span| span.start < span.end);
    spans.sort_by_key(|span| (span.start, span.end));
    let mut joined: Vec<Joined> = Vec::new();
    for span in spans {
        let next = Joined::new(span);
        match joined.last_mut() {
            Some(last) if next.span.start < last.span.end => last.add(next),
            _ => joined.push(next),
        }
    }
    if touching == Touching::Separate {
        return joined;
    }
    // Only now are labels settled.
    let mut spans: Vec<Joined> = Vec::new();
    for next in joined {
        match spans.last_mut() {
            Some(last) if last.touches(&next) && last.span.label == next.span.label => {
                last.add(next)
            }
            _ => spans.push(next),
        }
    }
    spans
}

/// Widens spans so that no accent, modifier or joined emoji is torn from what it belongs to.
fn whole_graphemes(mut spans: Vec<Span>, graphemes: &Cuts) -> Vec<Span> {
    for span in spans.iter_mut().filter(|span| span.start < span.end) {
        (span.start, span.end) = graphemes.widen(span.start, span.end);
    }
    spans
}

/// Widens spans of `text` to whole words, so that no part of a name is left standing, and leaves
/// out white space at their ends: a token may hold the space before its word. Spans of white
/// space alone are dropped.
pub fn widen_to_words(text: &str, tokens: &[Token], words: Words, spans: &mut Vec<Span>) {
    if spans.is_empty() {
        return;
    }
    let words = Cuts::between_words(text, tokens, words);
    spans.retain_mut(|span| match words.widen_and_trim(span.start, span.end) {
        Some((start, end)) if span.start < span.end => {
            (span.start, span.end) = (start, end);
            true
        }
        _ => false,
    });
}
