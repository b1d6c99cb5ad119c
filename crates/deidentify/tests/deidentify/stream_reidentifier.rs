use pilotlight_deidentify::{Cipher, Left, Mode, Reason, StreamReidentifier};

use super::{RING, deidentifier, encryption, keyring, token};

fn left(reason: Reason, key: &str, start: usize, end: usize) -> Left {
    Left { reason, key: key.to_owned(), start, end }
}

#[test]
fn what_cannot_be_decrypted_stays_and_is_told() {
    let known = token(&encryption(Cipher::Sm4Gcm, &RING), "A", "é");
    let unknown = token(&encryption(Cipher::Aes256Gcm, &keyring("k1", &["k1"])), "A", "x");
    let damaged = known.replace("[A:", "[B:");
    let pseudonym = token(&deidentifier(Mode::Pseudonymize, &RING), "A", "x");
    let text = format!("ü {unknown}{known} {damaged}ß{pseudonym}.");
    let reidentified = keyring("k2", &["k2"]).reidentify(&text);
    assert_eq!(reidentified.text, format!("ü {unknown}é {damaged}ß{pseudonym}."));
    assert_eq!(reidentified.reidentified, 1);
    let at = |part: &str| {
        let start = text[..text.find(part).unwrap()].chars().count();
        (start, start + part.chars().count())
    };
    let expected = [
        (Reason::UnknownKey, "k1", at(&unknown)),
        (Reason::Damaged, "k2", at(&damaged)),
        (Reason::Pseudonym, "k2", at(&pseudonym)),
    ];
    assert_eq!(
        reidentified.left,
        expected.map(|(why, key, (start, end))| left(why, key, start, end))
    );
}

#[test]
fn nothing_tells_in_which_way_a_token_is_damaged() {
    let whole = token(&encryption(Cipher::Aes256Gcm, &RING), "A", "value");
    let with = |more: &str| whole.replace(']', &format!("{more}]"));
    let damaged = [
        whole.replace("[A", "[B"),
        whole.replace(":k2:", ":k1:"),
        // No cipher, a tag that is not the tag, no base64, nothing of ours.
        whole.replace(":k2:A", ":k2:B"),
        with("AAAA"),
        with("AAA"),
        format!("[A:k2:{}]", "A".repeat(40)),
    ];
    for token in damaged {
        let reidentified = RING.reidentify(&token);
        assert_eq!(reidentified.left.len(), 1, "{token}");
        assert_eq!(reidentified.left[0].reason, Reason::Damaged, "{token}");
    }
}

#[test]
fn a_value_that_looks_like_a_token_is_not_decrypted_further() {
    let deidentifier = encryption(Cipher::Aes256Gcm, &RING);
    let inner = token(&deidentifier, "A", "value");
    // As a whole, it is an entity like any other.
    let outer = token(&deidentifier, "B", &inner);
    assert_eq!(RING.reidentify(&outer).text, inner);
    assert_eq!(RING.reidentify(&RING.reidentify(&outer).text).text, "value");
}

#[test]
fn a_text_without_tokens_stays_as_it_is() {
    let texts = ["", "[", "]", "[]", "[::]", "[A:k1:]", "a[b]c", "[[[[", "12:30:45 [12:30:45]"];
    for text in texts {
        let reidentified = RING.reidentify(text);
        assert_eq!(
            (reidentified.text.as_str(), reidentified.reidentified, reidentified.left),
            (text, 0, vec![])
        );
    }
}

#[test]
fn a_restored_text_does_not_show_itself_in_logs() {
    let token = token(&encryption(Cipher::Aes256Gcm, &RING), "A", "value");
    let reidentified = RING.reidentify(&token);
    assert!(reidentified.text == "value" && !format!("{reidentified:?}").contains("value"));
}

#[test]
fn an_answer_in_json_has_reasons_in_words() {
    let pseudonym = token(&deidentifier(Mode::Pseudonymize, &RING), "A", "x");
    let answer = serde_json::to_value(RING.reidentify(&pseudonym)).unwrap();
    let left = serde_json::json!(
        [{ "reason": "pseudonym", "key": "k2", "start": 0, "end": pseudonym.len() }]
    );
    assert_eq!(answer, serde_json::json!({ "text": pseudonym, "reidentified": 0, "left": left }));
}

#[test]
fn a_token_in_several_chunks_is_decrypted() {
    let token = token(&encryption(Cipher::Aes256Gcm, &RING), "A", "value");
    let (one, other) = token.split_at(20);
    let mut restoring = StreamReidentifier::default();
    assert_eq!(restoring.push("It is [", &RING), "It is ");
    assert_eq!(restoring.push(&format!("x] {one}"), &RING), "[x] ");
    assert_eq!(restoring.push(other, &RING), "value");
    assert_eq!(restoring.push(" [open", &RING), " ");
    assert_eq!(restoring.finish(&RING), "[open");
}

#[test]
fn what_is_held_back_is_bounded() {
    let mut restoring = StreamReidentifier::default();
    let long = format!("[{}", "x".repeat(70_000));
    assert_eq!(restoring.push(&long, &RING), long);
}
