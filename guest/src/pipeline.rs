//! From text to entities: tokenise, compute, decode. Knows nothing of HTTP.

use std::time::{Duration, Instant};

use pilotlight_model::Labels;

use crate::api::{Aggregation, ApiError, Entity, Parameters, RedactRequest, Redacted, Span};
use crate::compute::{Compute, ComputeError, Sequence};
use crate::decode::{Vocabulary, decode};
use crate::redact::segment::segment;
use crate::redact::{Touching, replace, widen_to_words};
use crate::tensor::Logits;
use crate::tokenizer::{Token, Tokenizer, Window};

/// Tokens that two neighbouring windows share, as a fraction of the window.
const DEFAULT_OVERLAP: usize = 4;

/// A tokenizer, a model and its labels that fit each other.
pub struct Pipeline {
    tokenizer: Tokenizer,
    compute: Box<dyn Compute>,
    labels: Labels,
}

/// Where the time of a request went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timings {
    /// Spent in the tokenizer.
    pub tokenization: Duration,
    /// Spent in the model.
    pub inference: Duration,
}

impl Pipeline {
    /// Puts the parts together. `labels` has a name for each column that `compute` gives.
    pub fn new(tokenizer: Tokenizer, compute: Box<dyn Compute>, labels: Vec<String>) -> Self {
        Self { tokenizer, compute, labels: Labels::new(labels) }
    }

    /// The label names by index.
    pub fn labels(&self) -> &[String] {
        self.labels.names()
    }

    /// Where it computes: `guest` or `host`.
    pub fn place(&self) -> &'static str {
        self.compute.place()
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Finds the entities of each text, whatever its length.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] for parameters or text that cannot be used.
    pub fn classify(
        &self,
        texts: &[&str],
        parameters: &Parameters,
        timings: &mut Timings,
    ) -> Result<Vec<Vec<Entity>>, ApiError> {
        let overlap = self.overlap(parameters.stride)?;
        let labelled = self.label_tokens(texts, overlap, timings)?;
        let entities = labelled.iter().map(|(tokens, logits)| {
            let mut entities = self.decode(tokens, logits, parameters.aggregation_strategy);
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
    pub fn redact(
        &self,
        request: RedactRequest,
        timings: &mut Timings,
    ) -> Result<Redacted, ApiError> {
        let (spans, touching) = match request.entities {
            Some(spans) => (self.grouped(spans), Touching::Joined),
            None if self.labels.tell_ends() => {
                (self.find_spans(&request.text, timings)?, Touching::Separate)
            }
            None => (self.find_spans(&request.text, timings)?, Touching::Joined),
        };
        replace(&request.text, spans, request.placeholder.as_deref(), touching)
    }

    fn find_spans(&self, text: &str, timings: &mut Timings) -> Result<Vec<Span>, ApiError> {
        let labelled = self.label_tokens(&[text], self.overlap(None)?, timings)?;
        let Some((tokens, logits)) = labelled.first() else { return Ok(Vec::new()) };
        let mut spans = segment(&self.labels, tokens, logits);
        widen_to_words(text, tokens, self.tokenizer.words(), &mut spans);
        Ok(spans)
    }

    /// Spans of a request, labelled by groups. What is no label of the model stays as it is.
    fn grouped(&self, mut spans: Vec<Span>) -> Vec<Span> {
        for Span { label, .. } in &mut spans {
            if let Some(group) = self.labels.resolve(label) {
                *label = group.to_owned();
            }
        }
        spans
    }

    fn decode(&self, tokens: &[Token], logits: &Logits, strategy: Aggregation) -> Vec<Entity> {
        let vocabulary = Vocabulary { labels: self.labels.names(), tokenizer: &self.tokenizer };
        decode(vocabulary, tokens, logits, strategy)
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

    /// Tokens of each text and a row of label scores for each token.
    fn label_tokens(
        &self,
        texts: &[&str],
        overlap: usize,
        timings: &mut Timings,
    ) -> Result<Vec<(Vec<Token>, Logits)>, ApiError> {
        let start = Instant::now();
        let encoded = texts.iter().map(|text| self.tokenizer.encode(text));
        let tokens: Result<Vec<Vec<Token>>, _> = encoded.collect();
        timings.tokenization += start.elapsed();
        let tokens = tokens.map_err(|error| ApiError::Invalid(error.to_string()))?;
        let start = Instant::now();
        let logits = self.compute_windows(&tokens, overlap);
        timings.inference += start.elapsed();
        Ok(tokens.into_iter().zip(logits?).collect())
    }

    /// Covers each text with windows, computes those of all texts, and puts them together again.
    fn compute_windows(
        &self,
        texts: &[Vec<Token>],
        overlap: usize,
    ) -> Result<Vec<Logits>, ApiError> {
        let windows = |tokens: &Vec<Token>| self.tokenizer.windows(tokens, overlap);
        let windows: Vec<Vec<Window>> = texts.iter().map(windows).collect();
        let sequences = texts.iter().zip(&windows).flat_map(|(tokens, windows)| {
            windows.iter().map(|window| self.tokenizer.sequence(&tokens[window.seen.clone()]))
        });
        let sequences: Vec<Sequence> = sequences.collect();
        let mut computed = self.compute.all_logits(&sequences).map_err(refuse)?.into_iter();
        let joined = windows.iter().map(|windows| self.join(windows, &mut computed));
        joined.collect()
    }

    /// The kept rows of the windows of one text.
    fn join(
        &self,
        windows: &[Window],
        computed: &mut impl Iterator<Item = Logits>,
    ) -> Result<Logits, ApiError> {
        let mut all = Logits::new(self.labels.names().len());
        for (window, logits) in windows.iter().zip(computed) {
            if !logits.rows().flatten().all(|score| score.is_finite()) {
                let message = "the model gave scores that are no numbers";
                return Err(ApiError::Internal(message.into()));
            }
            let rows = self.tokenizer.text_rows(window.seen.len());
            let skipped = rows.start + window.kept.start - window.seen.start;
            all.extend(&logits, skipped..skipped + window.kept.len());
        }
        Ok(all)
    }
}

fn refuse(error: ComputeError) -> ApiError {
    match error {
        ComputeError::Failed(_) => ApiError::Internal(error.to_string()),
        ComputeError::Busy(later) => ApiError::Busy(later),
        ComputeError::Unavailable(later) => ApiError::Unavailable(later),
    }
}
