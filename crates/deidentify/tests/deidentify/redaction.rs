use pilotlight_deidentify::{Deidentifier, DeidentifyOptions, Mode};

use super::{RING, deidentifier, deidentify, entity, options};

fn redaction(placeholder: &str) -> Deidentifier {
    let placeholder = Some(placeholder.to_owned());
    Deidentifier::new(&DeidentifyOptions { placeholder, ..options(Mode::Redact) }, None).unwrap()
}

#[test]
fn a_value_is_replaced_by_its_label() {
    let redaction = Deidentifier::new(&options(Mode::Redact), None).unwrap();
    assert_eq!(deidentify(&redaction, "NAME", "Zoë lives here.", "Zoë"), "[NAME] lives here.");
}

#[test]
fn the_placeholder_can_be_chosen() {
    assert_eq!(deidentify(&redaction("<{label}/{label}>"), "A", "x y", "y"), "x <A/A>");
    assert_eq!(deidentify(&redaction("***"), "A", "x y", "y"), "x ***");
    assert_eq!(deidentify(&redaction(""), "A", "x y", "y"), "x ");
}

#[test]
fn any_label_can_be_redacted() {
    let redaction = Deidentifier::new(&options(Mode::Redact), None).unwrap();
    assert_eq!(deidentify(&redaction, "{label}[:]\n", "x", "x"), "[{label}[:]\n]");
    assert_eq!(deidentify(&redaction, "", "x", "x"), "[]");
}

#[test]
fn no_key_is_named() {
    let deidentified =
        deidentifier(Mode::Redact, &RING).deidentify("x", &[entity("A", 0, 1)]).unwrap();
    assert_eq!(deidentified.spans[0].key, None);
}
