//! Decides between findings and the entities of a model that overlap.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::recognizer::Finding;

/// Who found something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The model.
    Model,
    /// A recognizer.
    Recognizer,
}

/// Something found in a text; places in code points.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Its label.
    pub label: String,
    /// How certain it is, 0 to 1.
    pub score: f32,
    /// First code point.
    pub start: usize,
    /// One past the last code point.
    pub end: usize,
    /// Who found it.
    pub origin: Origin,
    /// Whether its checksum is right.
    pub validated: bool,
    /// Name of the recognizer, if one found it.
    pub recognizer: Option<String>,
    /// The word near it that raised the score.
    pub context: Option<String>,
}

impl Candidate {
    /// An entity of a model at code points `start..end`.
    pub fn of_model(label: String, score: f32, (start, end): (usize, usize)) -> Self {
        Self {
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
}

impl From<Finding> for Candidate {
    fn from(finding: Finding) -> Self {
        Self {
            label: finding.label,
            score: finding.score,
            start: finding.start,
            end: finding.end,
            origin: Origin::Recognizer,
            validated: finding.validated,
            recognizer: Some(finding.recognizer),
            context: finding.context,
        }
    }
}

/// Why a candidate was preferred to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// Its checksum is right, nothing else has its form, or a word near it says what it is, and none of these
    /// holds for the other.
    Certain,
    /// It is longer.
    Longer,
    /// It is as long, and its score is higher.
    Score,
    /// It is equal in all of these, and comes first by place, origin and label.
    Order,
}

/// A candidate that another was preferred to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Beaten {
    /// Its label.
    pub label: String,
    /// Who found it.
    pub origin: Origin,
    /// Name of the recognizer, if one found it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recognizer: Option<String>,
    /// How certain it is.
    pub score: f32,
    /// First code point.
    pub start: usize,
    /// One past the last code point.
    pub end: usize,
    /// Why the other was preferred.
    pub reason: Reason,
}

/// What stands in a text after all.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// What was preferred. Of a candidate that a better one cuts, what remains.
    pub candidate: Candidate,
    /// What it was preferred to, best first.
    pub beaten: Vec<Beaten>,
}

/// Decides which of `candidates` hold: those of recognizers with a right checksum, of a form that nothing else has,
/// or near a word that says what they are, before others, then the longest, then the highest score. The answer is in the order of the text and does not overlap.
///
/// Nothing that was found is lost: where a better candidate covers another only in part, what remains of
/// the other is a decision of its own, or widens the better one if both have one label. Only remains without
/// anything that `matters` (a range of code points), such as spaces alone, are dropped.
pub fn resolve(
    mut candidates: Vec<Candidate>,
    matters: impl Fn(usize, usize) -> bool,
) -> Vec<Decision> {
    candidates.retain(|candidate| candidate.start < candidate.end);
    candidates.sort_by(better_first);
    let mut decided = Decided::default();
    for candidate in candidates {
        decided.add(candidate, &matters);
    }
    decided.finish()
}

fn length(candidate: &Candidate) -> usize {
    candidate.end - candidate.start
}

fn better_first(one: &Candidate, other: &Candidate) -> Ordering {
    let key = |candidate: &Candidate| (candidate.start, candidate.origin == Origin::Model);
    (is_firm(other).cmp(&is_firm(one)))
        .then(length(other).cmp(&length(one)))
        .then(other.score.total_cmp(&one.score))
        .then(key(one).cmp(&key(other)))
        .then_with(|| one.label.cmp(&other.label))
        .then_with(|| one.recognizer.cmp(&other.recognizer))
}

/// Least score of a recognizer whose pattern alone says what something is, such as that of a key with its
/// prefix.
const FIRM: f32 = 0.85;

/// Whether a checksum, a form that nothing else has, or a word near it says what it is.
fn is_firm(candidate: &Candidate) -> bool {
    let is_recognized = candidate.origin == Origin::Recognizer;
    let is_named = candidate.context.is_some();
    candidate.validated || is_recognized && (is_named || candidate.score >= FIRM)
}

fn reason(winner: &Candidate, loser: &Candidate, winner_length: usize) -> Reason {
    if is_firm(winner) && !is_firm(loser) {
        Reason::Certain
    } else if winner_length > length(loser) {
        Reason::Longer
    } else if winner.score > loser.score {
        Reason::Score
    } else {
        Reason::Order
    }
}

/// Decisions while candidates are added, best first.
#[derive(Default)]
struct Decided {
    decisions: Vec<Decision>,
    /// Length of the candidate that a decision was, before a better one cut it.
    lengths: Vec<usize>,
    /// Indices by first code point.
    taken: BTreeMap<usize, usize>,
}

impl Decided {
    /// Decisions that overlap `start..end`, in the order of the text.
    fn overlapping(&self, start: usize, end: usize) -> Vec<usize> {
        let before = self.taken.range(..end).rev().map(|(_, index)| *index);
        let mut found: Vec<usize> =
            before.take_while(|index| self.decisions[*index].candidate.end > start).collect();
        found.reverse();
        found
    }

    fn add(&mut self, candidate: Candidate, matters: &impl Fn(usize, usize) -> bool) {
        let overlapping = self.overlapping(candidate.start, candidate.end);
        for index in &overlapping {
            let Decision { candidate: winner, beaten } = &mut self.decisions[*index];
            beaten.push(Beaten {
                label: candidate.label.clone(),
                origin: candidate.origin,
                recognizer: candidate.recognizer.clone(),
                score: candidate.score,
                start: candidate.start,
                end: candidate.end,
                reason: reason(winner, &candidate, self.lengths[*index]),
            });
        }
        let mut free = candidate.start;
        for index in &overlapping {
            let taken = &self.decisions[*index].candidate;
            let (start, end) = (taken.start, taken.end);
            self.add_part(&candidate, (free, start), matters);
            free = end;
        }
        self.add_part(&candidate, (free, candidate.end), matters);
    }

    /// Adds what remains of a candidate, if it matters.
    fn add_part(
        &mut self,
        candidate: &Candidate,
        (start, end): (usize, usize),
        matters: &impl Fn(usize, usize) -> bool,
    ) {
        let whole = (start, end) == (candidate.start, candidate.end);
        if start >= end || !whole && !matters(start, end) {
            return;
        }
        let part = Candidate { start, end, ..candidate.clone() };
        self.taken.insert(start, self.decisions.len());
        self.lengths.push(length(candidate));
        self.decisions.push(Decision { candidate: part, beaten: Vec::new() });
    }

    /// In the order of the text; parts that touch a decision of their label that beat them are joined with it.
    fn finish(self) -> Vec<Decision> {
        let mut decisions = self.decisions;
        decisions.sort_by_key(|decision| decision.candidate.start);
        let mut joined: Vec<Decision> = Vec::new();
        for next in decisions {
            match joined.last_mut() {
                Some(last) if is_torn(last, &next) => join(last, next),
                _ => joined.push(next),
            }
        }
        joined
    }
}

/// Whether one of two neighbors is what remains of an entity that the other beat, with the same label.
fn is_torn(last: &Decision, next: &Decision) -> bool {
    let (one, other) = (&last.candidate, &next.candidate);
    let beat = |winner: &Decision, loser: &Candidate| {
        winner.beaten.iter().any(|beaten| {
            beaten.label == loser.label && beaten.start <= loser.start && loser.end <= beaten.end
        })
    };
    one.end == other.start && one.label == other.label && (beat(last, other) || beat(next, one))
}

fn join(last: &mut Decision, next: Decision) {
    let (start, end) = (last.candidate.start, next.candidate.end);
    if better_first(&next.candidate, &last.candidate) == Ordering::Less {
        last.candidate = next.candidate;
    }
    (last.candidate.start, last.candidate.end) = (start, end);
    last.beaten.extend(next.beaten);
}
