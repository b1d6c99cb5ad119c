//! Entities of the model and of recognizers, decided between.

use std::collections::BTreeSet;

use pilotlight_recognizers::{Candidate, Decision, Origin, Recognizers, resolve};

use super::redact::{Joined, Touching, settle};
use super::request::{Explanation, Span};
use crate::api::ApiError;
use crate::text::CodePoints;
use crate::text::words::Cuts;

/// What stands in a text: spans of the model, joined as redaction joins them, and findings of recognizers,
/// where they overlap by checksum, length and score. Everything that either found is covered, but for values
/// that the configuration allows.
///
/// # Errors
/// [`ApiError::Invalid`] for a span that does not lie in the text.
pub(super) fn combine(
    text: &str,
    spans: Vec<Span>,
    touching: Touching,
    recognizers: &Recognizers,
) -> Result<Vec<Joined>, ApiError> {
    let points = CodePoints::new(text);
    let model = settle(text, spans, touching)?;
    let also: Vec<(usize, usize, Vec<String>)> = model
        .iter()
        .filter(|joined| !joined.also_labels.is_empty())
        .map(|joined| (joined.span.start, joined.span.end, joined.also_labels.clone()))
        .collect();
    let thresholds = &recognizers.options().thresholds;
    let stands = |span: &Span| {
        let reaches = thresholds.get(&span.label).is_none_or(|least| span.score >= *least);
        reaches && !recognizers.allows(points.slice(span.start, span.end))
    };
    let mut candidates: Vec<Candidate> =
        model.into_iter().map(|joined| joined.span).filter(stands).map(of_model).collect();
    candidates.extend(found(text, recognizers));
    let matters = |start, end| points.slice(start, end).chars().any(char::is_alphanumeric);
    let decisions = resolve(candidates, matters).into_iter();
    Ok(decisions.map(|decision| joined(decision, &also)).collect())
}

fn of_model(Span { label, start, end, score }: Span) -> Candidate {
    Candidate {
        label,
        score,
        start,
        end,
        origin: Origin::Model,
        validated: false,
        recognizer: None,
        context: None,
    }
}

/// Findings, widened to whole grapheme clusters.
fn found(text: &str, recognizers: &Recognizers) -> Vec<Candidate> {
    let findings = recognizers.find(text);
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

fn joined(decision: Decision, also: &[(usize, usize, Vec<String>)]) -> Joined {
    let Decision { candidate, beaten } = decision;
    let Candidate { label, score, start, end, origin, validated, recognizer, context } = candidate;
    let joined = also.iter().filter(|(from, to, _)| *from < end && start < *to);
    let mut labels: BTreeSet<String> =
        joined.flat_map(|(_, _, labels)| labels.iter().cloned()).collect();
    labels.extend(beaten.iter().map(|beaten| beaten.label.clone()));
    labels.remove(&label);
    let explanation = Explanation { origin, recognizer, validated, context, beaten };
    Joined {
        also_labels: labels.into_iter().collect(),
        explanation: Some(explanation),
        ..Joined::new(Span { label, start, end, score })
    }
}
