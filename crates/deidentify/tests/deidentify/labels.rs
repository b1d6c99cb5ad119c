use pilotlight_deidentify::{Cipher, Deidentifier, DeidentifyOptions, Mode, Refused, Unfit};

use super::{RING, deidentifier, encryption, entity, options, token};

#[test]
fn only_the_labels_that_are_asked_for_are_protected() {
    let labels = Some(["EMAIL".to_owned()].into());
    let options = DeidentifyOptions { labels, ..options(Mode::Encrypt) };
    let deidentifier = Deidentifier::new(&options, Some(&RING)).unwrap();
    assert!(deidentifier.deidentifies("EMAIL") && !deidentifier.deidentifies("NAME"));
    assert_eq!(deidentifier.labels(), options.labels.as_ref());
    let entities = [entity("NAME", 0, 3), entity("EMAIL", 4, 7), entity("NAME", 8, 11)];
    let deidentified = deidentifier.deidentify("ana a@b bob", &entities).unwrap();
    assert!(deidentified.text.starts_with("ana [EMAIL:k2:") && deidentified.text.ends_with(" bob"));
    let [first, second, third] = &deidentified.spans[..] else { panic!("{deidentified:?}") };
    assert_eq!((first.deidentified, second.deidentified, third.deidentified), (false, true, false));
    assert_eq!((&first.key, &third.key), (&None, &None));
    assert_eq!((first.start, first.end), (0, 3));
    assert_eq!(third.end - third.start, 3);
    assert_eq!(third.end, deidentified.text.chars().count());
    assert_eq!(third.original, 8..11);
}

#[test]
fn a_label_that_does_not_fit_in_a_token_is_refused() {
    let long = "A".repeat(65);
    for label in ["", "A:B", "[A", "A]", "A\n", "\u{7f}", "\u{85}", &long] {
        for deidentifier in
            [deidentifier(Mode::Pseudonymize, &RING), encryption(Cipher::Sm4Gcm, &RING)]
        {
            let refused = deidentifier.deidentify("x", &[entity(label, 0, 1)]).unwrap_err();
            assert_eq!(refused, Refused::Label(label.to_owned()));
            assert!(refused.to_string().contains("rename it"), "{refused}");
        }
    }
}

#[test]
fn a_label_that_is_left_alone_may_be_any() {
    let labels = Some(["EMAIL".to_owned()].into());
    let options = DeidentifyOptions { labels, ..options(Mode::Encrypt) };
    let deidentifier = Deidentifier::new(&options, Some(&RING)).unwrap();
    assert_eq!(deidentifier.deidentify("x", &[entity("[A:B]", 0, 1)]).unwrap().text, "x");
}

#[test]
fn labels_of_any_script_and_with_spaces_fit() {
    let long = "A".repeat(64);
    for label in ["first name", "电话", "ID-CARD_2.1/x", "🦊", &long] {
        let token = token(&encryption(Cipher::Aes256Gcm, &RING), label, "value");
        assert!(token.starts_with(&format!("[{label}:k2:")));
        assert_eq!(RING.reidentify(&token).text, "value");
    }
}

#[test]
fn options_fit_a_model_that_has_every_label_that_is_to_be_protected() {
    let known = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect();
    let options = |mode, labels: &[&str]| {
        let labels = (!labels.is_empty()).then(|| known(labels));
        DeidentifyOptions { labels, ..options(mode) }
    };
    let check = |options: &DeidentifyOptions, model: &[&str]| {
        options.check_labels(Some(&known(model))).map_err(|unfit| unfit.to_string())
    };
    assert_eq!(check(&options(Mode::Redact, &["multi-word"]), &["NAME", "multi-word"]), Ok(()));
    assert_eq!(check(&options(Mode::Redact, &[]), &["NAME", "[X]", ""]), Ok(()));
    assert_eq!(check(&options(Mode::Encrypt, &["NAME"]), &["NAME", "[X]"]), Ok(()));
    for (mode, labels, why) in [
        (Mode::Redact, &["word"][..], "`labels` has \"word\", which the model does not have"),
        (Mode::Encrypt, &["NAME", "name"], "its labels are NAME, [X]"),
        (Mode::Encrypt, &["[X]"], "\"[X]\" cannot be written in a token"),
        (Mode::Pseudonymize, &[], "\"[X]\" cannot be written in a token"),
    ] {
        let unfit = check(&options(mode, labels), &["NAME", "[X]"]).unwrap_err();
        assert!(unfit.contains(why), "{unfit}");
    }
    assert_eq!(options(Mode::Encrypt, &[]).check_labels(None), Ok(()));
    let unfit = options(Mode::Redact, &["NAME"]).check_labels(None).unwrap_err();
    assert_eq!(unfit, Unfit::UnknownModel);
}
