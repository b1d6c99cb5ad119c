//! From text to entities: tokenise, compute, decode. Knows nothing of HTTP.

use std::time::{Duration, Instant};

use crate::api::{Aggregation, ApiError, Entity, Parameters, RedactRequest, Redacted, Span};
use crate::compute::{Compute, ComputeError};
use crate::decode::{Vocabulary, decode};
use crate::redact::{redact, widen_to_words};
use crate::tensor::Logits;
use crate::tokenizer::{Token, Tokenizer};

/// Tokens that two neighbouring windows share, as a fraction of the window.
const DEFAULT_OVERLAP: usize = 4;

/// A tokenizer, a model and its labels that fit each other.
pub struct Pipeline {
    tokenizer: Tokenizer,
    compute: Box<dyn Compute>,
    labels: Vec<String>,
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
        Self { tokenizer, compute, labels }
    }

    /// The label names by index.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Where it computes: `guest` or `host`.
    pub fn place(&self) -> &'static str {
        self.compute.place()
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Finds the entities of `text`, whatever its length.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] for parameters or text that cannot be used.
    pub fn classify(
        &self,
        text: &str,
        parameters: &Parameters,
        timings: &mut Timings,
    ) -> Result<Vec<Entity>, ApiError> {
        let overlap = self.overlap(parameters.stride)?;
        let (tokens, logits) = self.label_tokens(text, overlap, timings)?;
        let mut entities = self.decode(&tokens, &logits, parameters.aggregation_strategy);
        entities.retain(|entity| {
            let label = entity.entity_group.as_ref().or(entity.entity.as_ref());
            label.is_none_or(|label| !parameters.ignore_labels.contains(label))
        });
        Ok(entities)
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
        let spans = match request.entities {
            Some(spans) => spans,
            None => self.find_spans(&request.text, timings)?,
        };
        redact(&request.text, spans, request.placeholder.as_deref())
    }

    fn find_spans(&self, text: &str, timings: &mut Timings) -> Result<Vec<Span>, ApiError> {
        let (tokens, logits) = self.label_tokens(text, self.overlap(None)?, timings)?;
        let entities = self.decode(&tokens, &logits, Aggregation::Simple).into_iter();
        let mut spans: Vec<Span> = entities
            .filter_map(|Entity { entity_group, start, end, score, .. }| {
                let label = entity_group.filter(|label| label != "O")?;
                Some(Span { label, start, end, score })
            })
            .collect();
        widen_to_words(&mut spans, &tokens);
        Ok(spans)
    }

    fn decode(&self, tokens: &[Token], logits: &Logits, strategy: Aggregation) -> Vec<Entity> {
        let vocabulary = Vocabulary { labels: &self.labels, tokenizer: &self.tokenizer };
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

    /// Tokens of `text` and a row of label scores for each.
    fn label_tokens(
        &self,
        text: &str,
        overlap: usize,
        timings: &mut Timings,
    ) -> Result<(Vec<Token>, Logits), ApiError> {
        let start = Instant::now();
        let encoded = self.tokenizer.encode(text);
        timings.tokenization += start.elapsed();
        let tokens = encoded.map_err(|error| ApiError::Invalid(error.to_string()))?;
        let start = Instant::now();
        let logits = self.compute_windows(&tokens, overlap);
        timings.inference += start.elapsed();
        Ok((tokens, logits?))
    }

    fn compute_windows(&self, tokens: &[Token], overlap: usize) -> Result<Logits, ApiError> {
        let mut all = Logits::new(self.labels.len());
        for window in self.tokenizer.windows(tokens, overlap) {
            let sequence = self.tokenizer.sequence(&tokens[window.seen.clone()]);
            let logits = self.compute.logits(&sequence).map_err(refuse)?;
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
        ComputeError::Busy(message) => ApiError::Busy(message),
    }
}
