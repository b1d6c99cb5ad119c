//! What recognizers find, and what they leave.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

mod anything;
mod decisions;
mod options;
mod segments;
mod table;
mod texts;

use pilotlight_recognizers::{Finding, RecognizerOptions, Recognizers};

/// All recognizers, as they are unless configured.
pub(crate) fn all() -> &'static Recognizers {
    static ALL: std::sync::LazyLock<Recognizers> =
        std::sync::LazyLock::new(|| Recognizers::new(&RecognizerOptions::default()).unwrap());
    &ALL
}

/// Labels and texts of what is found, without what lies within something longer.
pub(crate) fn found(text: &str) -> Vec<(String, String)> {
    outer(all().find(text)).iter().map(|finding| told(text, finding)).collect()
}

pub(crate) fn told(text: &str, finding: &Finding) -> (String, String) {
    (finding.label.clone(), text[finding.bytes.clone()].to_owned())
}

fn outer(findings: Vec<Finding>) -> Vec<Finding> {
    let candidates =
        findings.iter().cloned().map(pilotlight_recognizers::Candidate::from).collect();
    let decisions = pilotlight_recognizers::resolve(candidates, |_, _| true);
    let decided = decisions.into_iter().filter_map(|decision| {
        let candidate = decision.candidate;
        findings.iter().find(|finding| {
            (finding.start, finding.end) == (candidate.start, candidate.end)
                && Some(&finding.recognizer) == candidate.recognizer.as_ref()
        })
    });
    decided.cloned().collect()
}
