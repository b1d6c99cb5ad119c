use pilotlight_deidentify::{Cipher, Deidentifier, Entity, Mode, Refused};

use super::{RING, deidentifier, encryption, entity, options};

const TEXT: &str = "Zoë 🦊 王";

fn refused(entities: &[(usize, usize)]) -> Refused {
    let entities: Vec<_> = entities.iter().map(|(start, end)| entity("A", *start, *end)).collect();
    deidentifier(Mode::Redact, &RING).deidentify(TEXT, &entities).unwrap_err()
}

#[test]
fn places_are_code_points_of_both_texts() {
    let entities = [
        Entity { label: "NAME", score: 0.75, start: 0, end: 3 },
        Entity { label: "ANIMAL", score: 0.5, start: 4, end: 5 },
        Entity { label: "NAME", score: 1.0, start: 6, end: 7 },
    ];
    let options = options(Mode::Redact);
    let deidentified =
        Deidentifier::new(&options, None).unwrap().deidentify(TEXT, &entities).unwrap();
    let expected = serde_json::json!({
        "text": "[NAME] [ANIMAL] [NAME]",
        "spans": [
            { "label": "NAME", "score": 0.75, "start": 0, "end": 6,
              "original": { "start": 0, "end": 3 }, "deidentified": true },
            { "label": "ANIMAL", "score": 0.5, "start": 7, "end": 15,
              "original": { "start": 4, "end": 5 }, "deidentified": true },
            { "label": "NAME", "score": 1.0, "start": 16, "end": 22,
              "original": { "start": 6, "end": 7 }, "deidentified": true },
        ],
    });
    assert_eq!(serde_json::to_value(&deidentified).unwrap(), expected);
}

#[test]
fn spans_name_the_key_that_was_used() {
    for deidentifier in [deidentifier(Mode::Pseudonymize, &RING), encryption(Cipher::Sm4Gcm, &RING)]
    {
        let deidentified = deidentifier.deidentify(TEXT, &[entity("A", 0, 3)]).unwrap();
        assert_eq!(deidentified.spans[0].key.as_ref().unwrap().as_str(), "k2");
        assert_eq!(serde_json::to_value(&deidentified.spans[0]).unwrap()["key"], "k2");
        assert!(!format!("{deidentified:?}").contains("Zoë"));
    }
}

#[test]
fn neighbors_may_touch() {
    let entities = [entity("A", 0, 1), entity("B", 1, 2), entity("A", 2, 7)];
    let deidentified = deidentifier(Mode::Redact, &RING).deidentify(TEXT, &entities).unwrap();
    assert_eq!(deidentified.text, "[A][B][A]");
}

#[test]
fn an_entity_that_ends_within_a_character_takes_all_of_it() {
    let redact = |text, start, end| {
        let entities = [entity("A", start, end)];
        deidentifier(Mode::Redact, &RING).deidentify(text, &entities).unwrap()
    };
    for (text, start, end, expected) in [
        ("met Jose\u{301} in", 4, 8, "met [A] in"),
        ("met Jose\u{301} in", 8, 9, "met Jos[A] in"),
        ("a👩\u{200d}👧b", 2, 3, "a[A]b"),
        ("🇫🇷🇩🇪", 1, 2, "[A]🇩🇪"),
        ("a\r\nb", 1, 2, "a[A]b"),
    ] {
        assert_eq!(redact(text, start, end).text, expected, "{text:?}");
    }
    assert_eq!(redact("met Jose\u{301} in", 4, 8).spans[0].original, 4..9);
}

#[test]
fn entities_that_share_a_character_count_as_the_one_that_matters_more() {
    let text = "Jose\u{301}\u{302} met";
    let of = |options: &str| Deidentifier::new(&toml::from_str(options).unwrap(), None).unwrap();
    let entities = [entity("A", 0, 4), entity("B", 4, 5), entity("C", 5, 6)];
    let deidentified = |options: &str| of(options).deidentify(text, &entities);
    for (options, expected, replaced) in [
        ("mode = \"redact\"", "[A] met", true),
        ("mode = \"redact\"\nlabels = [\"B\"]", "[B] met", true),
        ("mode = \"redact\"\nactions.A = \"keep\"\nactions.B = \"keep\"", "[C] met", true),
        ("mode = \"redact\"\nlabels = [\"D\"]", text, false),
    ] {
        let deidentified = deidentified(options).unwrap();
        assert_eq!((&deidentified.text[..], deidentified.spans.len()), (expected, 1), "{options}");
        assert_eq!(deidentified.spans[0].original, 0..6);
        assert_eq!(deidentified.spans[0].deidentified, replaced);
    }
    let blocked = deidentified("mode = \"redact\"\nactions.C = \"block\"");
    assert_eq!(blocked, Err(Refused::Blocked("C".to_owned())));
}

#[test]
fn a_text_in_which_nothing_was_found_stays_as_it_is() {
    for mode in [Mode::Redact, Mode::Pseudonymize, Mode::Encrypt] {
        let deidentified = deidentifier(mode, &RING).deidentify(TEXT, &[]).unwrap();
        assert_eq!((deidentified.text.as_str(), deidentified.spans.len()), (TEXT, 0));
        assert_eq!(deidentifier(mode, &RING).deidentify("", &[]).unwrap().text, "");
    }
}

#[test]
fn an_empty_entity_is_refused() {
    for (start, end) in [(0, 0), (3, 3), (7, 7), (9, 9), (3, 2), (usize::MAX, 0)] {
        let refused = refused(&[(start, end)]);
        assert!(matches!(refused, Refused::Empty { .. }), "{refused}");
    }
    assert!(matches!(refused(&[(0, 2), (2, 2)]), Refused::Empty { .. }));
}

#[test]
fn an_entity_outside_of_the_text_is_refused() {
    for (start, end) in [(0, 8), (6, 8), (7, 8), (8, 9), (0, usize::MAX), (1 << 40, 1 << 41)] {
        let refused = refused(&[(start, end)]);
        assert!(matches!(refused, Refused::Outside { length: 7, .. }), "{refused}");
    }
    let refused = refused(&[(2, 4), (5, 8)]);
    assert_eq!(
        refused.to_string(),
        "entity \"A\" at 5..8 is outside of the text, which has 7 code points; positions count \
         code points, not bytes or UTF-16 units"
    );
}

#[test]
fn overlapping_entities_are_refused() {
    for entities in [[(0, 3), (2, 4)], [(0, 3), (0, 3)], [(0, 7), (1, 2)], [(2, 3), (2, 4)]] {
        let refused = refused(&entities);
        assert!(matches!(refused, Refused::Overlapping { .. }), "{refused}");
        assert!(refused.to_string().contains("merge them"), "{refused}");
    }
}

#[test]
fn entities_that_are_not_sorted_are_refused() {
    for entities in [[(4, 5), (0, 3)], [(1, 5), (0, 3)], [(1, 2), (0, 1)]] {
        let refused = refused(&entities);
        assert!(matches!(refused, Refused::Unsorted { .. }), "{refused}");
        assert!(refused.to_string().contains("sort entities"), "{refused}");
    }
}

#[test]
fn no_refusal_shows_anything_of_the_text() {
    for entities in [&[(0, 0)][..], &[(0, 9)], &[(0, 3), (2, 4)], &[(4, 5), (0, 3)]] {
        let refused = refused(entities);
        assert!(!format!("{refused} {refused:?}").contains("Zo"));
    }
}
