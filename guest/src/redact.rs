//! Entities out of a text, placeholders in.

use crate::api::{ApiError, Entity, Redacted, Span};
use crate::tokenizer::{CodePoints, Token};

const DEFAULT_PLACEHOLDER: &str = "[{label}]";

/// Whether spans of one label that touch are one entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touching {
    /// They are: who made the spans did not say where entities end.
    Joined,
    /// They are not: the model's labels say where entities end.
    Separate,
}

/// Replaces `spans` in `text`, whose labels may have a `B-` or `I-` in front: for callers that do not
/// know the model's labels. Overlapping spans count as one, labelled like the longest of them; spans
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

/// Replaces `spans` in `text`, labelled by their groups. Overlapping spans count as one, labelled
/// like the longest of them.
///
/// # Errors
/// [`ApiError::Invalid`] for a span that does not lie in the text.
pub fn replace(
    text: &str,
    spans: Vec<Span>,
    placeholder: Option<&str>,
    touching: Touching,
) -> Result<Redacted, ApiError> {
    let text = CodePoints::new(text);
    for Span { label, start, end, .. } in &spans {
        if start > end || *end > text.len() {
            return Err(ApiError::Invalid(format!(
                "entity {label} at {start}..{end} does not lie in a text of {} code points",
                text.len()
            )));
        }
    }
    let spans = join(spans, touching);
    let placeholder = placeholder.unwrap_or(DEFAULT_PLACEHOLDER);
    let mut redacted = String::new();
    let mut position = 0;
    for span in &spans {
        redacted.push_str(text.slice(position, span.start));
        redacted.push_str(&placeholder.replace("{label}", &span.label));
        position = span.end;
    }
    redacted.push_str(text.slice(position, text.len()));
    let entities = spans.into_iter().map(|span| Entity {
        word: text.slice(span.start, span.end).to_owned(),
        entity_group: Some(span.label),
        entity: None,
        score: span.score,
        index: None,
        start: span.start,
        end: span.end,
    });
    Ok(Redacted { entities: entities.collect(), text: redacted })
}

/// Sorts and joins spans until none overlap and, where touching spans are joined, no two of one label
/// touch.
fn join(mut spans: Vec<Span>, touching: Touching) -> Vec<Span> {
    spans.retain(|span| span.start < span.end);
    spans.sort_by_key(|span| (span.start, span.end));
    let mut joined: Vec<(Span, usize)> = Vec::new();
    for span in spans {
        let length = span.end - span.start;
        match joined.last_mut() {
            Some((last, longest)) if span.start < last.end => {
                if length > *longest {
                    (*longest, last.label) = (length, span.label);
                }
                last.end = last.end.max(span.end);
                last.score = last.score.max(span.score);
            }
            _ => joined.push((span, length)),
        }
    }
    let joined = joined.into_iter().map(|(span, _)| span);
    if touching == Touching::Separate {
        return joined.collect();
    }
    // Only now are labels settled.
    let mut spans: Vec<Span> = Vec::new();
    for span in joined {
        match spans.last_mut() {
            Some(last) if span.start == last.end && span.label == last.label => {
                last.end = span.end;
                last.score = last.score.max(span.score);
            }
            _ => spans.push(span),
        }
    }
    spans
}

/// Widens spans to whole words, so that no part of a name is left standing.
pub fn widen_to_words(spans: &mut [Span], tokens: &[Token]) {
    for word in tokens.chunk_by(|_, token| token.continues) {
        let (Some(first), Some(last)) = (word.first(), word.last()) else { continue };
        for span in spans.iter_mut() {
            if span.start < last.end && first.start < span.end {
                span.start = span.start.min(first.start);
                span.end = span.end.max(last.end);
            }
        }
    }
}
