use std::collections::HashSet;

use pilotlight_deidentify::Mode;

use super::{RING, deidentifier, entity, keyring, token};

/// Computed by Python's `hmac` and `cryptography` after the crate's documentation.
const ANA: &str = "[EMAIL:k1:828687a082b4aaef6ae6113d39030ce6]";
const ANA_K2: &str = "[EMAIL:k2:18b8c973cc2584aaf41ba4f8bfe5bbc6]";
const ZOE: &str = "[NAME:k1:2d6f505e60df679dadcdcd7db951b95b]";

#[test]
fn pseudonyms_are_those_that_others_compute() {
    let first = deidentifier(Mode::Pseudonymize, &keyring("k1", &["k1"]));
    assert_eq!(token(&first, "EMAIL", "ana@example.org"), ANA);
    assert_eq!(token(&first, "NAME", "Zoë Müller"), ZOE);
    assert_eq!(token(&deidentifier(Mode::Pseudonymize, &RING), "EMAIL", "ana@example.org"), ANA_K2);
}

#[test]
fn one_value_has_one_pseudonym() {
    let text = "Ana wrote to Bo, and Bo to Ana.";
    let entities =
        [(0, 3), (13, 15), (21, 23), (27, 30)].map(|(start, end)| entity("NAME", start, end));
    let deidentified = deidentifier(Mode::Pseudonymize, &RING).deidentify(text, &entities).unwrap();
    let chars: Vec<char> = deidentified.text.chars().collect();
    let tokens: Vec<String> = deidentified
        .spans
        .iter()
        .map(|span| chars[span.start..span.end].iter().collect())
        .collect();
    assert_eq!((&tokens[0], &tokens[1]), (&tokens[3], &tokens[2]));
    assert_ne!(tokens[0], tokens[1]);
    assert_eq!(tokens[0], token(&deidentifier(Mode::Pseudonymize, &RING), "NAME", "Ana"));
}

#[test]
fn what_is_written_in_two_ways_but_is_one_text_is_one_value() {
    let deidentifier = deidentifier(Mode::Pseudonymize, &RING);
    // é, Å (of which there are three) and a Hangul syllable.
    for (one, other) in
        [("\u{e9}", "e\u{301}"), ("\u{c5}", "\u{212b}"), ("각", "\u{1100}\u{1161}\u{11a8}")]
    {
        assert_eq!(token(&deidentifier, "NAME", one), token(&deidentifier, "NAME", other));
    }
}

#[test]
fn other_values_labels_and_keys_make_other_pseudonyms() {
    let (first, second) = (keyring("k1", &["k1", "k2"]), &*RING);
    let mut bodies = HashSet::new();
    for keyring in [&first, second] {
        for label in ["NAME", "EMAIL"] {
            // Case, width and space make a difference.
            for value in ["ana", "Ana", "ANA", "ａｎａ", "ana ", "an", "a"] {
                let token = token(&deidentifier(Mode::Pseudonymize, keyring), label, value);
                let body = token.rsplit(':').next().unwrap().to_owned();
                assert_eq!(body.len(), 33);
                assert!(bodies.insert(body), "{label} {value}");
            }
        }
    }
}

#[test]
fn a_pseudonym_stays_when_a_text_is_restored() {
    let text = format!("Dear {ANA}, …");
    let reidentified = RING.reidentify(&text);
    assert_eq!((reidentified.text, reidentified.reidentified), (text, 0));
}
