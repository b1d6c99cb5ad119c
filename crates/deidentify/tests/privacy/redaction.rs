use pilotlight_deidentify::{Mode, Protection, ProtectionOptions};

use super::{RING, entity, options, protect, protection};

fn redaction(placeholder: &str) -> Protection {
    let placeholder = Some(placeholder.to_owned());
    Protection::new(&ProtectionOptions { placeholder, ..options(Mode::Redact) }, None).unwrap()
}

#[test]
fn a_value_is_replaced_by_its_label() {
    let redaction = Protection::new(&options(Mode::Redact), None).unwrap();
    assert_eq!(protect(&redaction, "NAME", "Zoë lives here.", "Zoë"), "[NAME] lives here.");
}

#[test]
fn the_placeholder_can_be_chosen() {
    assert_eq!(protect(&redaction("<{label}/{label}>"), "A", "x y", "y"), "x <A/A>");
    assert_eq!(protect(&redaction("***"), "A", "x y", "y"), "x ***");
    assert_eq!(protect(&redaction(""), "A", "x y", "y"), "x ");
}

#[test]
fn any_label_can_be_redacted() {
    let redaction = Protection::new(&options(Mode::Redact), None).unwrap();
    assert_eq!(protect(&redaction, "{label}[:]\n", "x", "x"), "[{label}[:]\n]");
    assert_eq!(protect(&redaction, "", "x", "x"), "[]");
}

#[test]
fn no_key_is_named() {
    let protected = protection(Mode::Redact, &RING).protect("x", &[entity("A", 0, 1)]).unwrap();
    assert_eq!(protected.spans[0].key, None);
}
