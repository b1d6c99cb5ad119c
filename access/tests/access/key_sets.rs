use pilotlight_access::{Mistake, Tokens};

use super::signer::{Signer, encode};

fn parse(jwks: &str) -> Result<Tokens, Mistake> {
    Tokens::parse(jwks, "https://issuer.example", "pilotlight")
}

fn set(keys: &[String]) -> String {
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

/// The mistake in the second of two keys.
fn mistake(jwk: &str) -> String {
    let first = Signer::ed25519(9).jwk(r#""kid":"first""#);
    let mistake = parse(&set(&[first, jwk.to_owned()])).unwrap_err();
    assert_eq!(mistake.place, "keys[1]", "{mistake}");
    mistake.message
}

#[test]
fn two_keys_of_one_id_are_refused() {
    let [one, other, _] = Signer::all().map(|signer| signer.jwk(r#""kid":"a""#));
    for second in [&one, &other] {
        let mistake = parse(&set(&[one.clone(), second.clone()])).unwrap_err();
        assert_eq!(mistake.place, "keys[1]");
        assert!(mistake.message.contains("`kid`"), "{mistake}");
    }
}

#[test]
fn a_key_without_an_id_is_refused() {
    assert!(mistake(&Signer::ed25519(1).jwk(r#""use":"sig""#)).contains("no `kid`"));
}

#[test]
fn private_keys_and_secrets_are_refused_and_not_repeated() {
    for signer in Signer::all() {
        for d in [r#""d":"hunter2""#, r#""d":{"hunter2":"hunter2"}"#, r#""d":null"#] {
            let message = mistake(&signer.jwk(&format!(r#""kid":"a",{d}"#)));
            assert!(message.contains("private key") && !message.contains("hunter2"), "{message}");
        }
    }
    let secret = mistake(r#"{"kty":"oct","kid":"a","alg":"HS256","k":"aHVudGVyMg"}"#);
    assert!(secret.contains("shared secret") && !secret.contains("aHVudGVyMg"), "{secret}");
}

#[test]
fn keys_for_something_else_are_left_out() {
    let ours = Signer::ed25519(1).jwk(r#""kid":"a","key_ops":["verify"],"alg":"EdDSA""#);
    let [_, p256, rsa] = Signer::all();
    let others = [
        rsa.jwk(r#""kid":"a","use":"enc","alg":"RSA-OAEP""#),
        rsa.jwk(r#""kid":"a","alg":"PS256""#),
        rsa.jwk(r#""kid":"a","alg":"RS512""#),
        rsa.jwk(r#""kid":"a","key_ops":["encrypt"]"#),
        p256.jwk(r#""kid":"a","alg":"ECDH-ES""#),
        r#"{"kty":"EC","crv":"P-384","kid":"a","x":"AA","y":"AA"}"#.to_owned(),
        r#"{"kty":"OKP","crv":"X25519","kid":"a","x":"AA"}"#.to_owned(),
        r#"{"kty":"OKP","crv":"Ed448","kid":"a","x":"AA"}"#.to_owned(),
        r#"{"kty":"AKP","kid":"a","pub":"AA"}"#.to_owned(),
        r#"{"kty":"RSA","use":"enc"}"#.to_owned(),
    ];
    let keys: Vec<_> = others.iter().cloned().chain([ours]).collect();
    assert!(parse(&set(&keys)).is_ok());
    let mistake = parse(&set(&others)).unwrap_err();
    assert!(mistake.message.contains("no key for signatures"), "{mistake}");
}

#[test]
fn malformed_keys_are_refused() {
    let x = encode(&[1; 32]);
    for (jwk, message) in [
        (r#"{"kty":"OKP","crv":"Ed25519","kid":"a"}"#.to_owned(), "`x`"),
        (r#"{"kty":"OKP","crv":"Ed25519","kid":"a","x":"AQ"}"#.to_owned(), "`x`"),
        (r#"{"kty":"OKP","crv":"Ed25519","kid":"a","x":"="}"#.to_owned(), "`x`"),
        (format!(r#"{{"kty":"EC","crv":"P-256","kid":"a","x":"{x}"}}"#), "`y`"),
        (format!(r#"{{"kty":"EC","crv":"P-256","kid":"a","x":"{x}","y":7}}"#), "string"),
        (r#"{"kid":"a"}"#.to_owned(), "`kty`"),
        ("7".to_owned(), "object"),
        (r#"["OKP"]"#.to_owned(), "object"),
    ] {
        let mistake = mistake(&jwk);
        assert!(mistake.contains(message), "{mistake}");
    }
}

#[test]
fn a_weak_key_is_refused() {
    // The neutral element: (0, 1).
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let jwk = format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"a","x":"{}"}}"#, encode(&neutral));
    assert!(mistake(&jwk).contains("weak"));
    // A modulus of 1024 bits, an even one, exponents with which everybody can sign.
    let rsa = |n: &[u8], e: &[u8]| {
        format!(r#"{{"kty":"RSA","kid":"a","n":"{}","e":"{}"}}"#, encode(n), encode(e))
    };
    let mut even = [0xff; 256];
    even[255] = 0xfe;
    for n in [&[0xff; 128][..], &[0xff; 1025], &even, &[0; 256], &[]] {
        assert!(mistake(&rsa(n, &[1, 0, 1])).contains("`n`"));
    }
    for e in [&[][..], &[0], &[1], &[0, 1], &[2], &[1, 0, 0, 0, 1]] {
        assert!(mistake(&rsa(&[0xff; 256], e)).contains("`e`"), "{e:?}");
    }
    assert!(parse(&set(&[rsa(&[0xff; 256], &[0, 3])])).is_ok());
}

#[test]
fn anything_else_is_no_key_set() {
    for text in ["", "7", "[]", "{}", r#"{"keys":7}"#, r#"{"keys":"#, "hunter2", "\"hunter2\""] {
        let mistake = parse(text).unwrap_err();
        assert!(mistake.message.contains("JSON Web Key Set"), "{mistake}");
        assert!(!mistake.to_string().contains("hunter2"), "{mistake}");
    }
    assert!(parse(r#"{"keys":[]}"#).unwrap_err().message.contains("no key"));
}
