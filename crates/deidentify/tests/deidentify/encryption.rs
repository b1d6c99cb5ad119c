use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pilotlight_deidentify::{Cipher, Deidentifier, Mode};

use super::{RING, encryption, entity, found, keyring, options, token};

/// Computed by Python's `cryptography` after the crate's documentation.
const TOKENS: [(&str, &str); 4] = [
    ("[EMAIL:k1:AcjJysvMzc7P0NHS00tFylWgOQ7k3v7ZTk2yqrBrfsb9fbl8Hds7D_hmuMs]", "ana@example.org"),
    ("[EMAIL:k1:AsjJysvMzc7P0NHS07vRAlXchzWpdcXbU6mUl35K2KDfsXxxKEikPhiRbaU]", "ana@example.org"),
    ("[NAME:k2:AcjJysvMzc7P0NHS017CzS7Ur-ceHhRr9CGB3pnveWkJih_fpkE]", "王小明"),
    ("[NAME:k2:AsjJysvMzc7P0NHS00hygoqcEIz3AI8MP9KU-0M7G8Aj5LDI1Mo]", "王小明"),
];

#[test]
fn tokens_that_others_made_are_decrypted() {
    for (token, value) in TOKENS {
        let reidentified = RING.reidentify(token);
        assert_eq!((reidentified.text.as_str(), reidentified.reidentified), (value, 1));
    }
    let all: Vec<_> = TOKENS.iter().map(|(token, _)| *token).collect();
    let reidentified = RING.reidentify(&format!("a {} z", all.join(", ")));
    assert_eq!(reidentified.text, "a ana@example.org, ana@example.org, 王小明, 王小明 z");
    assert_eq!((reidentified.reidentified, reidentified.left), (4, vec![]));
}

#[test]
fn a_token_tells_its_label_its_key_and_its_cipher() {
    for (cipher, mark) in [(Cipher::Aes256Gcm, 1), (Cipher::Sm4Gcm, 2)] {
        let token = token(&encryption(cipher, &RING), "EMAIL", "ana@example.org");
        let body = token.strip_prefix("[EMAIL:k2:").unwrap().strip_suffix(']').unwrap();
        let body = URL_SAFE_NO_PAD.decode(body).unwrap();
        assert_eq!((body[0], body.len()), (mark, 1 + 12 + "ana@example.org".len() + 16));
        assert_eq!(RING.reidentify(&token).text, "ana@example.org");
    }
}

#[test]
fn one_value_has_many_ciphertexts() {
    let deidentifier = encryption(Cipher::Aes256Gcm, &RING);
    let tokens: HashSet<String> = (0..100).map(|_| token(&deidentifier, "A", "x")).collect();
    assert_eq!(tokens.len(), 100);
    let twice = deidentifier.deidentify("xx", &[entity("A", 0, 1), entity("A", 1, 2)]).unwrap();
    assert_ne!(twice.text[..twice.text.len() / 2], twice.text[twice.text.len() / 2..]);
    assert_eq!(RING.reidentify(&twice.text).text, "xx");
}

#[test]
fn aes_is_taken_if_nothing_is_said() {
    let deidentifier = Deidentifier::new(&options(Mode::Encrypt), Some(&RING)).unwrap();
    assert!(token(&deidentifier, "A", "x").starts_with("[A:k2:A"));
    let keyring = keyring("k1", &["k1"]);
    token(&Deidentifier::new(&options(Mode::Encrypt), Some(&keyring)).unwrap(), "A", "x");
    assert_eq!((keyring.encrypted(Cipher::Aes256Gcm), keyring.encrypted(Cipher::Sm4Gcm)), (1, 0));
}

#[test]
fn uses_of_a_key_are_counted_for_each_cipher() {
    let keyring = keyring("k1", &["k1", "k2"]);
    let text = "a b";
    for (cipher, times) in [(Cipher::Aes256Gcm, 3), (Cipher::Sm4Gcm, 1)] {
        let deidentifier = encryption(cipher, &keyring);
        for _ in 0..times {
            deidentifier.deidentify(text, &[found("A", text, "a"), found("A", text, "b")]).unwrap();
        }
    }
    assert_eq!((keyring.encrypted(Cipher::Aes256Gcm), keyring.encrypted(Cipher::Sm4Gcm)), (6, 2));
}

#[test]
fn a_changed_byte_is_found_out_wherever_it_is() {
    for (token, _) in TOKENS {
        for place in 0..token.len() {
            for bit in 0..7 {
                let mut bytes = token.as_bytes().to_vec();
                bytes[place] ^= 1 << bit;
                let damaged = String::from_utf8(bytes).unwrap();
                let reidentified = RING.reidentify(&damaged);
                assert_eq!(
                    (reidentified.text.as_str(), reidentified.reidentified),
                    (&*damaged, 0),
                    "{place}"
                );
            }
        }
    }
}

#[test]
fn a_token_cut_or_put_together_of_two_is_not_decrypted() {
    let [(one, _), (other, _), ..] = TOKENS;
    let aes = token(&encryption(Cipher::Aes256Gcm, &RING), "EMAIL", "ana@example.org");
    for place in 10..one.len() - 1 {
        for second in [other, aes.as_str()] {
            let mixed = format!("{}{}", &one[..place], &second[place..]);
            // They may begin or end alike.
            let whole = mixed == one || mixed == second;
            assert_eq!(RING.reidentify(&mixed).reidentified, usize::from(whole), "{mixed}");
        }
        assert_eq!(RING.reidentify(&format!("{}]", &one[..place])).reidentified, 0);
    }
    assert_eq!(RING.reidentify(&one.replace("]", "=]")).reidentified, 0);
    assert_eq!(RING.reidentify(&one.replace("]", "A]")).reidentified, 0);
    assert_eq!(RING.reidentify(&one.replace("EMAIL", "NAME")).reidentified, 0);
    assert_eq!(RING.reidentify(&one.replace("k1", "k2")).reidentified, 0);
}
