use pilotlight_deidentify::{Cipher, Mode, Reason};

use super::{RING, deidentifier, deidentify, encryption, found, token};

#[test]
fn a_forged_token_in_a_text_stays_beside_genuine_ones() {
    let forged = format!("[EMAIL:k2:AQ{}]", "x".repeat(60));
    let text = format!("{forged}, {forged} ana {forged}");
    let deidentified = deidentify(&encryption(Cipher::Aes256Gcm, &RING), "NAME", &text, "ana");
    let reidentified = RING.reidentify(&deidentified);
    assert_eq!(reidentified.text, text);
    assert_eq!(reidentified.left.iter().filter(|left| left.reason == Reason::Damaged).count(), 3);
}

#[test]
fn half_a_token_around_a_value_does_not_swallow_its_token() {
    let body = "A".repeat(60);
    let before = ["[", "[[", "[A:", "[A:k2:", "[A:k2:AQ", "]", "[A:k2:]", &format!("[A:k2:{body}")];
    let after = ["]", "]]", ":k2:A]", "[", "A", &format!("{body}]"), &format!("[A:k2:{body}")];
    let deidentifier = encryption(Cipher::Sm4Gcm, &RING);
    for before in before {
        for after in after {
            let text = format!("{before}ana{after}");
            let deidentified = deidentify(&deidentifier, "NAME", &text, "ana");
            let reidentified = RING.reidentify(&deidentified);
            assert_eq!((reidentified.text, reidentified.reidentified), (text, 1));
        }
    }
}

#[test]
fn a_text_can_be_protected_again() {
    let deidentifier = encryption(Cipher::Aes256Gcm, &RING);
    let text = "ana wrote to bob";
    let once = deidentify(&deidentifier, "NAME", text, "ana");
    let twice = deidentify(&deidentifier, "NAME", &once, "bob");
    assert!(twice.starts_with(once.strip_suffix("bob").unwrap()));
    assert_eq!(RING.reidentify(&twice).text, text);
}

#[test]
fn an_entity_within_a_token_is_restored_to_the_token() {
    let deidentifier = encryption(Cipher::Aes256Gcm, &RING);
    let once = token(&deidentifier, "NAME", "ana");
    for part in [&once[1..3], &once[4..9], &once[12..], &once[..12]] {
        let twice = deidentify(&deidentifier, "CODE", &once, part);
        assert_eq!(RING.reidentify(&twice).text, once);
        assert_eq!(RING.reidentify(&RING.reidentify(&twice).text).text, "ana");
    }
}

#[test]
fn a_pseudonym_that_the_author_of_a_text_wrote_is_not_among_its_spans() {
    let deidentifier = deidentifier(Mode::Pseudonymize, &RING);
    let copied = token(&deidentifier, "NAME", "ana");
    let text = format!("{copied} bob");
    let deidentified = deidentifier.deidentify(&text, &[found("NAME", &text, "bob")]).unwrap();
    assert!(deidentified.text.starts_with(&copied));
    assert_eq!(deidentified.spans.len(), 1);
    assert_eq!(deidentified.spans[0].start, copied.len() + 1);
}
