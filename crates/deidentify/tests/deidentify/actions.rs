//! Actions of single labels.

use pilotlight_deidentify::{Deidentifier, DeidentifyOptions, Mode, OptionsError, Refused, Unfit};

use super::{RING, deidentifier, deidentify, entity, found};

fn of(toml: &str) -> Deidentifier {
    let options: DeidentifyOptions = toml::from_str(toml).unwrap();
    Deidentifier::new(&options, Some(&RING)).unwrap()
}

fn check(toml: &str) -> Result<(), OptionsError> {
    toml::from_str::<DeidentifyOptions>(toml).unwrap().check()
}

#[test]
fn each_label_has_its_action() {
    let deidentifier = of("mode = \"redact\"\n[actions]\nCARD = \"mask\"\nCITY = \"keep\"");
    let text = "Ana, 4111 1111 1111 1111, Rome";
    let entities = [
        found("NAME", text, "Ana"),
        found("CARD", text, "4111 1111 1111 1111"),
        found("CITY", text, "Rome"),
    ];
    let deidentified = deidentifier.deidentify(text, &entities).unwrap();
    assert_eq!(deidentified.text, "[NAME], **** **** **** 1111, Rome");
    let replaced: Vec<bool> = deidentified.spans.iter().map(|span| span.deidentified).collect();
    assert_eq!(replaced, [true, true, false]);
}

#[test]
fn a_mask_leaves_four_letters_of_long_values_only() {
    let mask = |value| deidentify(&of("mode = \"mask\""), "A", value, value);
    assert_eq!(mask("4111-1111-1111-1111"), "****-****-****-1111");
    assert_eq!(mask("1234567"), "*******");
    assert_eq!(mask("12345678"), "****5678");
    assert_eq!(mask("Zoë-Ωμέγα"), "***-*μέγα");
    // One letter to readers, in whatever encoding.
    assert_eq!(mask("Zoe\u{308}-Jose\u{301}"), "***-****");
    assert_eq!(mask("Q\u{307}Q\u{307}"), "**");
}

#[test]
fn a_hash_is_that_of_the_value_in_any_encoding() {
    let hash = |value| deidentify(&of("mode = \"hash\""), "A", value, value);
    assert_eq!(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(hash("e\u{301}"), hash("é"));
}

#[test]
fn a_made_up_value_has_the_shape_of_the_value_and_is_always_the_same() {
    let replace = deidentifier(Mode::Replace, &RING);
    let made = |label, value| deidentify(&replace, label, value, value);
    let one = made("PHONE", "+49 (0)30-9018 ext. Ab");
    let shape = |text: &str| {
        let shape = |c: char| match c {
            '0'..='9' => '0',
            'a'..='z' => 'a',
            'A'..='Z' => 'A',
            other => other,
        };
        text.chars().map(shape).collect::<String>()
    };
    assert_eq!(shape(&one), shape("+49 (0)30-9018 ext. Ab"));
    assert_ne!(one, "+49 (0)30-9018 ext. Ab");
    assert_eq!(one, made("PHONE", "+49 (0)30-9018 ext. Ab"));
    assert_ne!(one, made("FAX", "+49 (0)30-9018 ext. Ab"));
    // No normalization form has this letter with its accent in one code point.
    assert_eq!(shape(&made("NAME", "Q\u{307}a-B")), "Aa-A");
}

#[test]
fn a_blocked_label_refuses_the_text() {
    let deidentifier = of("mode = \"redact\"\nactions.SECRET = \"block\"");
    let error = deidentifier.deidentify("key x", &[entity("SECRET", 4, 5)]).unwrap_err();
    assert_eq!(error, Refused::Blocked("SECRET".to_owned()));
    assert!(deidentifier.deidentify("key x", &[entity("NAME", 4, 5)]).is_ok());
}

#[test]
fn what_scores_below_the_threshold_of_its_label_stays() {
    let deidentifier = of("mode = \"redact\"\nthresholds.NAME = 0.6");
    let text = "Ana of Rome";
    let entities = [found("NAME", text, "Ana"), found("CITY", text, "Rome")];
    assert_eq!(deidentifier.deidentify(text, &entities).unwrap().text, "Ana of [CITY]");
}

#[test]
fn actions_have_to_be_of_effect() {
    assert_eq!(
        check("mode = \"redact\"\nactions.A = \"encrypt\""),
        Err(OptionsError::NoKeys(Mode::Encrypt))
    );
    assert_eq!(check("mode = \"redact\"\nkeys = \"k\"\nactions.A = \"encrypt\""), Ok(()));
    let error = check("mode = \"redact\"\nlabels = [\"A\"]\nactions.B = \"mask\"");
    let expected = OptionsError::NotDeidentified { key: "actions", label: "B".to_owned() };
    assert_eq!(error, Err(expected));
    assert_eq!(
        check("mode = \"redact\"\nthresholds.A = 1.1"),
        Err(OptionsError::Threshold("A".to_owned()))
    );
}

#[test]
fn labels_of_actions_are_those_of_the_model() {
    let options: DeidentifyOptions =
        toml::from_str("mode = \"redact\"\nactions.SHOE_SIZE = \"mask\"").unwrap();
    let known = ["NAME".to_owned()].into();
    assert!(matches!(options.check_labels(Some(&known)), Err(Unfit::UnknownLabel { .. })));
    assert_eq!(options.check_labels(None), Err(Unfit::UnknownModel));
}
