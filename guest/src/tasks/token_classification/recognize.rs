//! Entities of the model and of recognizers, decided between.

use std::collections::BTreeSet;

use pilotlight_recognizers::{Candidate, Decision, Origin, Recognizers, resolve};

use super::redact::{Joined, settle};
use super::request::{Explanation, Span};
use crate::api::ApiError;
use crate::model::{TextModel, Usage};
use crate::text::CodePoints;
use crate::text::words::Cuts;

/// Whether a candidate with this value counts.
type Counts<'a> = dyn Fn(&Candidate, &str) -> bool + 'a;
/// Whether entities with this label are wanted.
type Wants<'a> = dyn Fn(&str) -> bool + 'a;

/// What a request adds to the search for entities.
#[derive(Default)]
pub struct Query<'a> {
    /// Words that count as context of every finding.
    pub context: &'a [String],
    /// Recognizers beside those of the model folder.
    pub added: Option<&'a Recognizers>,
    /// Labels of the entities that are wanted; all of them unless given.
    pub labels: Option<&'a Wants<'a>>,
    /// Which candidates count, instead of those that reach the thresholds of the model folder.
    pub counts: Option<&'a Counts<'a>>,
}

impl TextModel {
    /// What stands in a text: entities of the model, joined as redaction joins them, and findings of
    /// recognizers, decided between by checksum, length and score. Everything that either found is covered,
    /// but for values that the configuration allows. The model does not read the text if it has none of the
    /// labels that are wanted.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] for a text that cannot be tokenized.
    pub fn find_entities(
        &self,
        text: &str,
        query: &Query<'_>,
        usage: &mut Usage,
    ) -> Result<Vec<Decision>, ApiError> {
        let points = CodePoints::new(text);
        let wants = |label: &str| query.labels.is_none_or(|wants| wants(label));
        let model = match self.labels.groups().iter().any(|label| wants(label)) {
            true => settle(text, self.find_spans(text, usage)?, self.touching())?,
            false => Vec::new(),
        };
        let own = self.recognizers.iter().chain(query.added);
        let found = own.clone().flat_map(|recognizers| found(text, query.context, recognizers));
        let counts = |candidate: &Candidate| {
            let value = points.slice(candidate.start, candidate.end);
            let allowed = own.clone().any(|recognizers| recognizers.allows(value));
            !allowed
                && wants(&candidate.label)
                && match query.counts {
                    Some(counts) => counts(candidate, value),
                    None => self.reaches(candidate),
                }
        };
        let model = model.into_iter().map(|joined| of_model(joined.span));
        let candidates = model.chain(found).filter(counts).collect();
        let matters = |start, end| points.slice(start, end).chars().any(char::is_alphanumeric);
        Ok(resolve(candidates, matters))
    }

    /// Whether a candidate reaches the threshold of its label. Those of the model have none unless the
    /// configuration names their label.
    pub fn reaches(&self, candidate: &Candidate) -> bool {
        let Some(recognizers) = &self.recognizers else { return true };
        let options = recognizers.options();
        match candidate.origin {
            Origin::Recognizer => candidate.score >= options.threshold_of(&candidate.label),
            Origin::Model => options
                .thresholds
                .get(&candidate.label)
                .is_none_or(|least| candidate.score >= *least),
        }
    }
}

fn of_model(Span { label, start, end, score }: Span) -> Candidate {
    Candidate::of_model(label, score, (start, end))
}

/// Findings, widened to whole grapheme clusters.
fn found(text: &str, context: &[String], recognizers: &Recognizers) -> Vec<Candidate> {
    let findings = recognizers.find_all(text, context);
    if findings.is_empty() || text.is_ascii() {
        return findings.into_iter().map(Candidate::from).collect();
    }
    let graphemes = Cuts::between_graphemes(text);
    let widened = findings.into_iter().map(|finding| {
        let (start, end) = graphemes.widen(finding.start, finding.end);
        Candidate { start, end, ..Candidate::from(finding) }
    });
    widened.collect()
}

/// An entity as redaction replaces it.
pub(super) fn joined(decision: Decision) -> Joined {
    let Decision { candidate, beaten } = decision;
    let Candidate { label, score, start, end, origin, validated, recognizer, context } = candidate;
    let mut labels: BTreeSet<String> = beaten.iter().map(|beaten| beaten.label.clone()).collect();
    labels.remove(&label);
    let explanation = Explanation { origin, recognizer, validated, context, beaten };
    let mut joined = Joined::new(Span { label, start, end, score });
    joined.also_labels = labels.into_iter().collect();
    joined.explanation = Some(explanation);
    joined
}
