//! Label scores to entities, with the semantics of Hugging Face `transformers`'
//! `TokenClassificationPipeline`.

use pilotlight_model::transformers_group;

use crate::api::{Aggregation, Entity};
use crate::tensor::Logits;
use crate::tokenizer::{Token, Tokenizer};

/// A token or word with its most likely label.
struct Labelled {
    label: usize,
    score: f32,
    word: String,
    start: usize,
    end: usize,
}

/// Names labels and spells words for [`decode`].
#[derive(Clone, Copy)]
pub struct Vocabulary<'a> {
    /// Label names by index.
    pub labels: &'a [String],
    /// Spells words.
    pub tokenizer: &'a Tokenizer,
}

/// Entities of a text: `logits` has a row for each of `tokens`.
pub fn decode(
    vocabulary: Vocabulary<'_>,
    tokens: &[Token],
    logits: &Logits,
    aggregation: Aggregation,
) -> Vec<Entity> {
    let scores = logits.rows().map(softmax);
    match aggregation {
        Aggregation::None => tokens
            .iter()
            .zip(scores)
            .enumerate()
            .map(|(index, (token, scores))| single(vocabulary, index, token, &scores))
            .collect(),
        Aggregation::Simple => {
            let labelled = tokens.iter().zip(scores).map(|(token, scores)| {
                let (label, score) = best(&scores);
                let (start, end) = (token.start, token.end);
                Labelled { label, score, word: token.text.clone(), start, end }
            });
            group(vocabulary, labelled.collect())
        }
        _ => {
            let scored = tokens.iter().zip(scores).collect::<Vec<_>>();
            let words = scored.chunk_by(|_, (token, _)| token.continues);
            group(vocabulary, words.map(|word| merge(vocabulary, word, aggregation)).collect())
        }
    }
}

fn single(vocabulary: Vocabulary<'_>, index: usize, token: &Token, scores: &[f32]) -> Entity {
    let (label, score) = best(scores);
    Entity {
        entity_group: None,
        also_labels: Vec::new(),
        entity: Some(vocabulary.labels[label].clone()),
        score,
        // Hugging Face counts the special token in front.
        index: Some(index + vocabulary.tokenizer.text_rows(0).start),
        word: token.text.clone(),
        start: token.start,
        end: token.end,
    }
}

/// Probabilities of one row of logits.
pub(crate) fn softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f32> = logits.iter().map(|x| (x - largest).exp()).collect();
    let sum: f32 = exponentials.iter().sum();
    exponentials.into_iter().map(|x| x / sum).collect()
}

/// The first label with the largest score.
pub(crate) fn best(scores: &[f32]) -> (usize, f32) {
    let mut best = (0, scores.first().copied().unwrap_or(0.0));
    for (label, score) in scores.iter().copied().enumerate().skip(1) {
        if score > best.1 {
            best = (label, score);
        }
    }
    best
}

/// One word out of its tokens.
fn merge(
    vocabulary: Vocabulary<'_>,
    tokens: &[(&Token, Vec<f32>)],
    aggregation: Aggregation,
) -> Labelled {
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
    Labelled {
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

/// Joins neighbours of one label; `B-` starts a new entity.
fn group(vocabulary: Vocabulary<'_>, labelled: Vec<Labelled>) -> Vec<Entity> {
    let name = |item: &Labelled| &vocabulary.labels[item.label][..];
    labelled
        .chunk_by(|last, next| {
            let (begins, group) = split_label(name(next));
            !begins && group == split_label(name(last)).1
        })
        .map(|run| {
            let score = run.iter().map(|item| item.score).sum::<f32>() / run.len() as f32;
            let pieces = run.iter().map(|item| item.word.clone()).collect();
            Entity {
                entity_group: run.first().map(|item| transformers_group(name(item)).to_owned()),
                also_labels: Vec::new(),
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

/// Whether a label begins an entity, and its group: `B-CITY` is `(true, "CITY")`.
fn split_label(label: &str) -> (bool, &str) {
    match (label.strip_prefix("B-"), label.strip_prefix("I-")) {
        (Some(group), _) => (true, group),
        (None, Some(group)) => (false, group),
        (None, None) => (false, label),
    }
}
