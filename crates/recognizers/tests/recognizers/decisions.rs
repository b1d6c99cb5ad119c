//! Decisions between overlapping candidates.

use pilotlight_recognizers::{Candidate, Decision, Origin, Reason, resolve};
use proptest::prelude::*;

fn candidate(label: &str, place: (usize, usize), score: f32) -> Candidate {
    Candidate::of_model(label.to_owned(), score, place)
}

fn validated(label: &str, place: (usize, usize)) -> Candidate {
    Candidate { origin: Origin::Recognizer, validated: true, ..candidate(label, place, 1.0) }
}

fn places(decisions: &[Decision]) -> Vec<(&str, usize, usize)> {
    let place = |decision: &'_ Decision| (decision.candidate.start, decision.candidate.end);
    decisions.iter().map(|one| (&one.candidate.label[..], place(one).0, place(one).1)).collect()
}

fn decide(candidates: &[Candidate]) -> Vec<Decision> {
    resolve(candidates.to_vec(), |_, _| true)
}

#[test]
fn validated_beats_longer_and_longer_beats_the_score() {
    let decisions = decide(&[candidate("PHONE", (5, 9), 0.99), validated("CARD", (0, 9))]);
    assert_eq!(places(&decisions), [("CARD", 0, 9)]);
    assert_eq!(decisions[0].beaten[0].reason, Reason::Certain);
    let decisions = decide(&[candidate("A", (0, 9), 0.5), candidate("B", (2, 6), 0.9)]);
    assert_eq!(places(&decisions), [("A", 0, 9)]);
    assert_eq!(decisions[0].beaten[0].reason, Reason::Longer);
    let decisions = decide(&[candidate("A", (0, 9), 0.5), candidate("B", (0, 9), 0.9)]);
    assert_eq!(places(&decisions), [("B", 0, 9)]);
    assert_eq!(decisions[0].beaten[0].reason, Reason::Score);
}

#[test]
fn what_remains_of_the_weaker_one_is_not_lost() {
    let decisions = decide(&[candidate("NAME", (0, 20), 0.9), validated("CARD", (5, 15))]);
    assert_eq!(places(&decisions), [("NAME", 0, 5), ("CARD", 5, 15), ("NAME", 15, 20)]);
    let spaces = |start, end| !(start >= 15 && end <= 20);
    let decisions =
        resolve(vec![candidate("NAME", (0, 20), 0.9), validated("CARD", (5, 15))], spaces);
    assert_eq!(places(&decisions), [("NAME", 0, 5), ("CARD", 5, 15)]);
}

#[test]
fn remains_of_the_same_label_widen_the_better_one() {
    let decisions = decide(&[candidate("EMAIL", (0, 10), 0.9), validated("EMAIL", (4, 20))]);
    assert_eq!(places(&decisions), [("EMAIL", 0, 20)]);
    assert!(decisions[0].candidate.validated);
}

#[test]
fn neighbors_of_one_label_stay_apart() {
    let decisions = decide(&[candidate("NAME", (0, 3), 0.9), candidate("NAME", (3, 6), 0.9)]);
    assert_eq!(places(&decisions), [("NAME", 0, 3), ("NAME", 3, 6)]);
}

fn any_candidates() -> impl Strategy<Value = Vec<Candidate>> {
    let one = (0..40_usize, 0..12_usize, 0..4_usize, 0..3_u8, any::<bool>(), any::<bool>());
    let one = one.prop_map(|(start, length, label, score, validated, model)| Candidate {
        origin: if model { Origin::Model } else { Origin::Recognizer },
        validated,
        ..candidate(["A", "B", "C", "D"][label], (start, start + length), f32::from(score) / 2.0)
    });
    prop::collection::vec(one, 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn decisions_are_in_order_and_cover_what_was_found(candidates in any_candidates()) {
        let decisions = decide(&candidates);
        let covered: Vec<bool> = (0..60).map(|point| {
            decisions.iter().filter(|one| (one.candidate.start..one.candidate.end).contains(&point)).count()
        }).inspect(|count| assert!(*count <= 1)).map(|count| count == 1).collect();
        for (point, covered) in covered.iter().enumerate() {
            let found = candidates.iter().any(|one| (one.start..one.end).contains(&point));
            prop_assert_eq!(found, *covered, "{}", point);
        }
        prop_assert!(decisions.windows(2).all(|two| two[0].candidate.end <= two[1].candidate.start));
    }

    #[test]
    fn the_order_of_candidates_does_not_matter(candidates in any_candidates()) {
        let mut reversed = candidates.clone();
        reversed.reverse();
        let (one, other) = (decide(&candidates), decide(&reversed));
        prop_assert_eq!(places(&one), places(&other));
    }

    #[test]
    fn a_firm_candidate_is_beaten_by_firm_ones_only(candidates in any_candidates()) {
        let is_firm = |validated, origin, score| {
            validated || (origin == Origin::Recognizer && score >= 0.85)
        };
        for Decision { candidate: winner, beaten } in decide(&candidates) {
            if is_firm(winner.validated, winner.origin, winner.score) {
                continue;
            }
            let lost = |one: &Candidate| {
                is_firm(one.validated, one.origin, one.score)
                    && beaten.iter().any(|beaten| {
                        (beaten.start, beaten.end) == (one.start, one.end)
                            && (&beaten.label, beaten.origin) == (&one.label, one.origin)
                            && beaten.score == one.score
                    })
            };
            let firm = candidates.iter().filter(|one| lost(one));
            // One of the same kind without a checksum may have lost.
            let others = |firm: &&Candidate| !candidates.iter().any(|one| {
                !one.validated && (one.start, one.end) == (firm.start, firm.end)
                    && one.label == firm.label && one.score == firm.score
            });
            prop_assert_eq!(firm.filter(others).count(), 0);
        }
    }

    #[test]
    fn decisions_of_decisions_are_the_same(candidates in any_candidates()) {
        let once = decide(&candidates);
        let again = decide(&once.iter().map(|one| one.candidate.clone()).collect::<Vec<_>>());
        prop_assert_eq!(places(&once), places(&again));
    }
}
