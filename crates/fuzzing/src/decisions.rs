//! Any candidates: decisions do not overlap, are in the order of the text, cover what was found, and do not
//! depend on the order of the candidates.

use arbitrary::Arbitrary;
use pilotlight_recognizers::{Candidate, Origin, resolve};

#[derive(Debug, Arbitrary)]
pub struct Found {
    label: u8,
    start: u8,
    length: u8,
    score: u8,
    validated: bool,
    model: bool,
}

impl Found {
    fn candidate(&self) -> Candidate {
        let start = usize::from(self.start);
        Candidate {
            label: ["A", "B", "C", "D"][usize::from(self.label) % 4].to_owned(),
            score: f32::from(self.score) / 255.0,
            start,
            end: start + usize::from(self.length),
            origin: if self.model { Origin::Model } else { Origin::Recognizer },
            validated: self.validated,
            recognizer: None,
            context: None,
        }
    }
}

/// Runs the target.
pub fn run(found: Vec<Found>) {
    let candidates: Vec<Candidate> = found.iter().map(Found::candidate).collect();
    let reversed = candidates.iter().rev().cloned().collect();
    let places = |candidates: Vec<Candidate>| {
        let decided = resolve(candidates, |_, _| true).into_iter();
        let place = |candidate: Candidate| (candidate.label, candidate.start, candidate.end);
        decided.map(|decision| place(decision.candidate)).collect::<Vec<_>>()
    };
    let decided = places(candidates.clone());
    assert_eq!(decided, places(reversed));
    assert!(decided.windows(2).all(|two| two[0].2 <= two[1].1));
    let covers =
        |point: &usize| decided.iter().any(|(_, start, end)| (*start..*end).contains(point));
    assert!(candidates.iter().all(|one| (one.start..one.end).all(|point| covers(&point))));
    assert!(
        (0..512_usize)
            .filter(covers)
            .all(|point| { candidates.iter().any(|one| (one.start..one.end).contains(&point)) })
    );
}
