//! Labels of tokens to entities, with the semantics of Hugging Face `transformers`'
//! `TokenClassificationPipeline`. That reads tags in front of labels (`B-PER`) only: for models with
//! transitions between labels, which it does not know, entities follow the scheme of the labels.

use pilotlight_model::{Labels, Tag, transformers_group};

use super::request::{Aggregation, Entity};
use super::{Labeled, best};
use crate::model::TextModel;
use crate::text::{Token, Tokenizer};

/// A token or word with its label.
struct Word {
    label: usize,
    score: f32,
    word: String,
    start: usize,
    end: usize,
}

/// Names labels and spells words.
#[derive(Clone, Copy)]
struct Vocabulary<'a> {
    labels: &'a Labels,
    tokenizer: &'a Tokenizer,
    by_scheme: bool,
}

/// Entities of a text.
pub(super) fn decode(
    model: &TextModel,
    labeled: &Labeled,
    aggregation: Aggregation,
) -> Vec<Entity> {
    let TextModel { labels, tokenizer, has_transitions, .. } = model;
    let vocabulary = Vocabulary { labels, tokenizer, by_scheme: *has_transitions };
    let Labeled { tokens, scores, labels } = labeled;
    let labeled = || tokens.iter().zip(labels.iter().zip(scores));
    match aggregation {
        Aggregation::None => labeled()
            .enumerate()
            .map(|(index, (token, (label, scores)))| {
                single(vocabulary, index, token, (*label, scores[*label]))
            })
            .collect(),
        Aggregation::Simple => {
            let words = labeled().map(|(token, (label, scores))| {
                let (start, end) = (token.start, token.end);
                let (label, score) = (*label, scores[*label]);
                Word { label, score, word: token.text.clone(), start, end }
            });
            group(vocabulary, words.collect())
        }
        _ => {
            let scored: Vec<_> = tokens.iter().zip(scores).collect();
            let words = scored.chunk_by(|_, (token, _)| token.continues);
            group(vocabulary, words.map(|word| merge(vocabulary, word, aggregation)).collect())
        }
    }
}

fn single(
    vocabulary: Vocabulary<'_>,
    index: usize,
    token: &Token,
    (label, score): (usize, f32),
) -> Entity {
    Entity {
        entity_group: None,
        also_labels: Vec::new(),
        explanation: None,
        entity: Some(vocabulary.labels.names()[label].clone()),
        score,
        // Hugging Face counts the special token in front.
        index: Some(index + vocabulary.tokenizer.text_rows(0).start),
        word: token.text.clone(),
        start: token.start,
        end: token.end,
    }
}

/// One word out of its tokens.
fn merge(
    vocabulary: Vocabulary<'_>,
    tokens: &[(&Token, &Vec<f32>)],
    aggregation: Aggregation,
) -> Word {
    let (label, score) = match aggregation {
        Aggregation::Average => best(&mean(tokens.iter().map(|(_, scores)| &scores[..]))),
        Aggregation::Max => tokens
            .iter()
            .map(|(_, scores)| best(scores))
            .reduce(|certain, next| if next.1 > certain.1 { next } else { certain })
            .unwrap_or((0, 0.0)),
        _ => tokens.first().map_or((0, 0.0), |(_, scores)| best(scores)),
    };
    let pieces = tokens.iter().map(|(token, _)| token.text.clone()).collect();
    Word {
        label,
        score,
        word: vocabulary.tokenizer.decode(pieces),
        start: tokens.first().map_or(0, |(token, _)| token.start),
        end: tokens.last().map_or(0, |(token, _)| token.end),
    }
}

fn mean<'a>(rows: impl ExactSizeIterator<Item = &'a [f32]>) -> Vec<f32> {
    let count = rows.len() as f32;
    let mut sums: Vec<f32> = Vec::new();
    for row in rows {
        sums.resize(row.len(), 0.0);
        sums.iter_mut().zip(row).for_each(|(sum, score)| *sum += score);
    }
    sums.into_iter().map(|sum| sum / count).collect()
}

/// Joins neighbors of one group; a label that begins an entity starts a new one.
fn group(vocabulary: Vocabulary<'_>, words: Vec<Word>) -> Vec<Entity> {
    words
        .chunk_by(|last, next| {
            let (begins, group) = vocabulary.tag_and_group(next.label);
            !begins && group == vocabulary.tag_and_group(last.label).1
        })
        .map(|run| {
            let score = run.iter().map(|item| item.score).sum::<f32>() / run.len() as f32;
            let pieces = run.iter().map(|item| item.word.clone()).collect();
            let named = run.first().map(|item| vocabulary.group_name(item.label));
            Entity {
                entity_group: named.map(str::to_owned),
                also_labels: Vec::new(),
                explanation: None,
                entity: None,
                score,
                index: None,
                word: vocabulary.tokenizer.decode(pieces),
                start: run.first().map_or(0, |item| item.start),
                end: run.last().map_or(0, |item| item.end),
            }
        })
        .collect()
}

impl<'a> Vocabulary<'a> {
    /// Whether a label begins an entity, and its group: `B-CITY` is `(true, "CITY")`.
    fn tag_and_group(self, label: usize) -> (bool, &'a str) {
        let name = &self.labels.names()[label][..];
        if self.by_scheme {
            let entity = self.labels.entity(label);
            return entity.map_or((false, name), |(tag, group)| {
                (matches!(tag, Tag::Begin | Tag::Single), group)
            });
        }
        match (name.strip_prefix("B-"), name.strip_prefix("I-")) {
            (Some(group), _) => (true, group),
            (None, Some(group)) => (false, group),
            (None, None) => (false, name),
        }
    }

    fn group_name(self, label: usize) -> &'a str {
        match self.by_scheme {
            true => self.tag_and_group(label).1,
            false => transformers_group(&self.labels.names()[label]),
        }
    }
}
