//! One label for each token and the resulting entities, like `TokenClassificationPipeline` of `transformers`, and redaction.
//! Used by `dialects` through `tasks`. Does not know HTTP.

mod decode;
mod recognize;
pub mod redact;
mod request;
mod segment;

pub use request::{Aggregation, Entity, Explanation, Parameters, RedactRequest, Redacted, Span};

use self::decode::decode;
pub use self::recognize::Query;
use self::recognize::joined;
use self::redact::{Joined, Touching, settle, widen_to_words, write};
use self::segment::segment;
use super::request::{Answer, OneOrMany, Request};
use super::scores::{best, softmax};
use crate::api::ApiError;
use crate::engine::{Matrix, Sequence};
use crate::model::{TextModel, Usage};
use crate::text::{CodePoints, Token, Window};

/// Tokens that two neighboring windows share, as a fraction of the window.
const DEFAULT_OVERLAP: usize = 4;

/// A text's tokens with the label of each.
pub struct Labeled {
    tokens: Vec<Token>,
    /// Probabilities of all labels, a row for each token.
    scores: Vec<Vec<f32>>,
    /// The label of each token: the likeliest, or that of the likeliest sequence.
    labels: Vec<usize>,
}

/// Answers a request: the entities of each text, whatever its length.
///
/// # Errors
/// [`ApiError`].
pub fn answer(
    model: &TextModel,
    request: Request<OneOrMany<String>, Parameters>,
    usage: &mut Usage,
) -> Result<Answer<Vec<Entity>>, ApiError> {
    let Request { inputs, parameters, .. } = request;
    let texts: Vec<&str> =
        inputs.items(model.manifest.limits.max_inputs)?.iter().map(String::as_str).collect();
    Ok(inputs.answer(model.classify(&texts, &parameters, usage)?))
}

impl TextModel {
    /// Finds the entities of each text, whatever its length.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] for parameters or text that cannot be used.
    pub fn classify(
        &self,
        texts: &[&str],
        parameters: &Parameters,
        usage: &mut Usage,
    ) -> Result<Vec<Vec<Entity>>, ApiError> {
        let overlap = self.overlap(parameters.stride)?;
        let labeled = self.label_tokens(texts, overlap, usage)?;
        let entities = labeled.iter().map(|labeled| {
            let mut entities = decode(self, labeled, parameters.aggregation_strategy);
            entities.retain(|entity| {
                let label = entity.entity_group.as_ref().or(entity.entity.as_ref());
                label.is_none_or(|label| !parameters.ignore_labels.contains(label))
            });
            entities
        });
        Ok(entities.collect())
    }

    /// Replaces the entities of a text, found or given.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] for entities that do not lie in the text.
    pub fn redact(&self, request: RedactRequest, usage: &mut Usage) -> Result<Redacted, ApiError> {
        let RedactRequest { text, entities, placeholder, explain } = request;
        let mut joined = match entities {
            Some(spans) => settle(&text, self.grouped(spans), Touching::Joined)?,
            None => self.find(&text, usage)?,
        };
        if !explain {
            joined.iter_mut().for_each(|joined| joined.explanation = None);
        }
        Ok(write(&CodePoints::new(&text), joined, placeholder.as_deref()))
    }

    /// The entities of a text: those of the model, and those of recognizers if the folder asks for them.
    fn find(&self, text: &str, usage: &mut Usage) -> Result<Vec<Joined>, ApiError> {
        if self.recognizers.is_none() {
            return settle(text, self.find_spans(text, usage)?, self.touching());
        }
        let decisions = self.find_entities(text, &Query::default(), usage)?;
        Ok(decisions.into_iter().map(joined).collect())
    }

    /// Whether entities of one label that touch are one.
    fn touching(&self) -> Touching {
        if self.labels.tell_ends() { Touching::Separate } else { Touching::Joined }
    }

    fn find_spans(&self, text: &str, usage: &mut Usage) -> Result<Vec<Span>, ApiError> {
        let labeled = self.label_tokens(&[text], self.overlap(None)?, usage)?;
        let Some(labeled) = labeled.first() else { return Ok(Vec::new()) };
        let mut spans = segment(&self.labels, labeled);
        widen_to_words(text, &labeled.tokens, self.tokenizer.words(), &mut spans);
        Ok(spans)
    }

    /// Spans of a request, labeled by groups. What is no label of the model stays as it is.
    fn grouped(&self, mut spans: Vec<Span>) -> Vec<Span> {
        for Span { label, .. } in &mut spans {
            if let Some(group) = self.labels.resolve(label) {
                *label = group.to_owned();
            }
        }
        spans
    }

    fn overlap(&self, stride: Option<usize>) -> Result<usize, ApiError> {
        let capacity = self.tokenizer.capacity();
        match stride {
            None => Ok(capacity / DEFAULT_OVERLAP),
            Some(stride) if stride < capacity => Ok(stride),
            Some(stride) => Err(ApiError::Invalid(format!(
                "stride {stride} must be less than the {capacity} tokens of a window"
            ))),
        }
    }

    /// Tokens of each text and their labels.
    fn label_tokens(
        &self,
        texts: &[&str],
        overlap: usize,
        usage: &mut Usage,
    ) -> Result<Vec<Labeled>, ApiError> {
        let tokens = texts.iter().map(|text| self.tokens(text, usage));
        let tokens = tokens.collect::<Result<Vec<_>, _>>()?;
        let logits = self.compute_windows(&tokens, overlap, usage)?;
        let labeled = tokens.into_iter().zip(&logits);
        Ok(labeled.map(|(tokens, logits)| self.label(tokens, logits)).collect())
    }

    fn label(&self, tokens: Vec<Token>, logits: &Matrix) -> Labeled {
        let scores: Vec<Vec<f32>> = logits.rows().map(softmax).collect();
        let labels = match &self.transitions {
            Some(transitions) => transitions.decode(logits),
            None => scores.iter().map(|scores| best(scores).0).collect(),
        };
        Labeled { tokens, scores, labels }
    }

    /// Covers each text with windows, computes those of all texts, and puts them together again.
    fn compute_windows(
        &self,
        texts: &[Vec<Token>],
        overlap: usize,
        usage: &mut Usage,
    ) -> Result<Vec<Matrix>, ApiError> {
        let windows = |tokens: &Vec<Token>| self.tokenizer.windows(tokens, overlap);
        let windows: Vec<Vec<Window>> = texts.iter().map(windows).collect();
        let sequences = texts.iter().zip(&windows).flat_map(|(tokens, windows)| {
            windows.iter().map(|window| self.tokenizer.sequence(&tokens[window.seen.clone()]))
        });
        let sequences: Vec<Sequence> = sequences.collect();
        let mut computed = self.run_one(&sequences, usage)?.into_iter();
        Ok(windows.iter().map(|windows| self.join(windows, &mut computed)).collect())
    }

    /// The kept rows of the windows of one text, without columns that are no labels.
    fn join(&self, windows: &[Window], computed: &mut impl Iterator<Item = Matrix>) -> Matrix {
        let columns = self.labels.names().len();
        let mut all = Matrix::new(columns);
        for (window, logits) in windows.iter().zip(computed) {
            let rows = self.tokenizer.text_rows(window.seen.len());
            let skipped = rows.start + window.kept.start - window.seen.start;
            let kept = skipped..skipped + window.kept.len();
            all.extend(&logits.truncate_columns(columns), kept);
        }
        all
    }
}
