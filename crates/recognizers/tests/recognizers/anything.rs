//! Properties of any text.

use pilotlight_recognizers::recognizers;
use proptest::prelude::*;

use crate::all;

/// Texts of letters that identifiers are made of, and of examples.
fn text() -> impl Strategy<Value = String> {
    let examples: Vec<&'static str> =
        recognizers().flat_map(|row| row.examples.iter().copied()).collect();
    let piece = prop_oneof![
        3 => "[a-zA-Z0-9@:/+. \\-é号١４\u{200b}\u{301}]{0,12}",
        1 => prop::sample::select(examples).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn places_lie_in_the_text_and_agree_in_code_points_and_bytes(text in text()) {
        for finding in all().find_all(&text, &[]) {
            let bytes = finding.bytes.clone();
            prop_assert!(text.get(bytes.clone()).is_some_and(|value| !value.is_empty()));
            prop_assert_eq!(text[..bytes.start].chars().count(), finding.start);
            prop_assert_eq!(text[..bytes.end].chars().count(), finding.end);
            prop_assert!((0.0..=1.0).contains(&finding.score));
        }
    }

    #[test]
    fn the_same_text_has_the_same_findings(text in text()) {
        prop_assert_eq!(all().find(&text), all().find(&text));
    }

    #[test]
    fn what_stands_far_away_does_not_matter(text in text()) {
        let far = " and so on, ".repeat(40);
        let shift = far.chars().count();
        let places = |findings: Vec<pilotlight_recognizers::Finding>, by: usize| {
            findings.into_iter().map(|found| (found.recognizer, found.start + by, found.end + by)).collect::<Vec<_>>()
        };
        let alone = places(all().find_all(&format!(" {text} "), &[]), shift);
        let around = places(all().find_all(&format!("{far} {text} {far}"), &[]), 0);
        prop_assert_eq!(alone, around);
    }
}
