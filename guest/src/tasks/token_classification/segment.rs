//! Labels of tokens to spans of entities, by the scheme that the labels follow.

use pilotlight_model::{Labels, Tag};

use super::Labeled;
use super::request::Span;
use crate::text::Token;

/// A span while tokens are added to it.
struct Open<'a> {
    group: &'a str,
    /// The tag of its last token.
    last: Tag,
    start: usize,
    end: usize,
    scores: Vec<f32>,
}

/// Spans of everything that is not labeled `O`, in the order of the tokens.
///
/// `B`, `S` and another group begin an entity, `E` and `S` end it. Whatever the tags say, no token
/// that has a group is left out: a part of an entity whose beginning is missing is an entity.
pub(super) fn segment(labels: &Labels, labeled: &Labeled) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut open: Option<Open<'_>> = None;
    let Labeled { tokens, scores, labels: chosen } = labeled;
    for (token, (label, scores)) in tokens.iter().zip(chosen.iter().zip(scores)) {
        let score = scores[*label];
        let Some((tag, group)) = labels.entity(*label) else {
            spans.extend(open.take().map(Open::close));
            continue;
        };
        match &mut open {
            Some(open) if open.goes_on(tag, group) => open.add(tag, token, score),
            _ => {
                spans.extend(open.take().map(Open::close));
                open = Some(Open {
                    group,
                    last: tag,
                    start: token.start,
                    end: token.end,
                    scores: vec![score],
                });
            }
        }
    }
    spans.extend(open.map(Open::close));
    spans
}

impl Open<'_> {
    fn goes_on(&self, tag: Tag, group: &str) -> bool {
        let ended = matches!(self.last, Tag::End | Tag::Single);
        let begins = matches!(tag, Tag::Begin | Tag::Single);
        group == self.group && !ended && !begins
    }

    fn add(&mut self, tag: Tag, token: &Token, score: f32) {
        self.last = tag;
        self.start = self.start.min(token.start);
        self.end = self.end.max(token.end);
        self.scores.push(score);
    }

    fn close(self) -> Span {
        let score = self.scores.iter().sum::<f32>() / self.scores.len() as f32;
        Span { label: self.group.to_owned(), start: self.start, end: self.end, score }
    }
}
