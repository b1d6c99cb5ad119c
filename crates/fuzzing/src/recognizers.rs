//! Any text: what recognizers find lies in it, and decisions about it cover all that was found.

use std::sync::LazyLock;

use pilotlight_recognizers::{Candidate, RecognizerOptions, Recognizers, resolve};

static ALL: LazyLock<Recognizers> =
    LazyLock::new(|| Recognizers::new(&RecognizerOptions::default()).expect("they fit together"));

/// Runs the target.
pub fn run(text: &str) {
    let found = ALL.find_all(text, &[]);
    for finding in &found {
        let value = text.get(finding.bytes.clone()).expect("a part of the text");
        assert!(!value.is_empty());
        assert_eq!(text[..finding.bytes.start].chars().count(), finding.start);
        assert_eq!(value.chars().count(), finding.end - finding.start);
        assert!((0.0..=1.0).contains(&finding.score));
    }
    let candidates = found.iter().cloned().map(Candidate::from).collect();
    let decided = resolve(candidates, |_, _| true);
    for finding in &found {
        for point in finding.start..finding.end {
            let covers = decided.iter().filter(|decision| {
                (decision.candidate.start..decision.candidate.end).contains(&point)
            });
            assert_eq!(covers.count(), 1);
        }
    }
}
