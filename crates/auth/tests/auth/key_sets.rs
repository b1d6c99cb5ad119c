use pilotlight_auth::{InvalidValue, Tokens};

use super::signer::{Signer, encode};

fn parse(jwks: &str) -> Result<Tokens, InvalidValue> {
    Tokens::parse(jwks, "https://issuer.example", "pilotlight")
}

fn set(keys: &[String]) -> String {
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

/// Why the second of three keys is skipped; the others are used.
fn skipped(jwk: &str) -> String {
    let [first, _, third] = Signer::all();
    let others = [first, third].map(|signer| signer.jwk(r#""kid":"other""#));
    let tokens = parse(&set(&[others[0].clone(), jwk.to_owned(), others[1].clone()])).unwrap();
    let [invalid] = tokens.skipped() else { panic!("{:?}", tokens.skipped()) };
    assert_eq!(invalid.key, "keys[1]", "{invalid}");
    assert!(!tokens.refuse_all());
    let alone = parse(&set(&[jwk.to_owned()])).unwrap();
    assert!(alone.refuse_all(), "{:?}", alone.skipped());
    assert_eq!(alone.skipped()[0].message, invalid.message);
    invalid.message.clone()
}

#[test]
fn keys_that_can_be_used_are_not_skipped() {
    let [ed25519, p256, rsa] = Signer::all();
    let keys = [
        ed25519.jwk(r#""kid":"a","key_ops":["sign","verify"],"alg":"EdDSA""#),
        ed25519.jwk(r#""kid":"a","alg":"Ed25519","x5t":7,"ext":true"#),
        p256.jwk(r#""kid":"a","use":"sig","alg":"ES256""#),
        p256.jwk(r#""kid":null,"use":null,"alg":null,"key_ops":null"#),
        rsa.jwk(r#""kid":"a","alg":"RS256","x5c":["AA"]"#),
        rsa.jwk(r#""use":"sig""#),
    ];
    let tokens = parse(&set(&keys)).unwrap();
    assert_eq!(tokens.skipped(), []);
}

#[test]
fn private_keys_and_secrets_are_skipped_and_not_repeated() {
    for signer in Signer::all() {
        for d in [r#""d":"hunter2""#, r#""d":{"hunter2":"hunter2"}"#, r#""d":null"#] {
            let message = skipped(&signer.jwk(&format!(r#""kid":"a",{d}"#)));
            assert!(message.contains("private key") && !message.contains("hunter2"), "{message}");
        }
    }
    let secret = skipped(r#"{"kty":"oct","kid":"a","alg":"HS256","k":"aHVudGVyMg"}"#);
    assert!(secret.contains("shared secret") && !secret.contains("aHVudGVyMg"), "{secret}");
}

#[test]
fn keys_for_something_else_are_skipped() {
    let [ed25519, p256, rsa] = Signer::all();
    for (jwk, message) in [
        (rsa.jwk(r#""kid":"a","use":"enc","alg":"RSA-OAEP""#), "`use`"),
        (rsa.jwk(r#""kid":"a","use":"""#), "`use`"),
        (rsa.jwk(r#""kid":"a","alg":"PS256""#), "`alg` is not RS256"),
        (rsa.jwk(r#""kid":"a","alg":"RS512""#), "`alg` is not RS256"),
        (rsa.jwk(r#""kid":"a","key_ops":["encrypt"]"#), "`key_ops`"),
        (rsa.jwk(r#""kid":"a","key_ops":[]"#), "`key_ops`"),
        (p256.jwk(r#""kid":"a","alg":"ECDH-ES""#), "`alg` is not ES256"),
        (ed25519.jwk(r#""kid":"a","alg":"ES256""#), "`alg` is not EdDSA or Ed25519"),
        (r#"{"kty":"EC","crv":"P-384","kid":"a","x":"AA","y":"AA"}"#.to_owned(), "not supported"),
        (r#"{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}"#.to_owned(), "not supported"),
        (r#"{"kty":"OKP","crv":"X25519","kid":"a","x":"AA"}"#.to_owned(), "not supported"),
        (r#"{"kty":"OKP","crv":"Ed448","kid":"a","x":"AA"}"#.to_owned(), "not supported"),
        (r#"{"kty":"AKP","kid":"a","pub":"AA"}"#.to_owned(), "not supported"),
        (r#"{"kty":"rsa","n":"AA","e":"AQAB"}"#.to_owned(), "not supported"),
        (r#"{"kty":"RSA","use":"enc"}"#.to_owned(), "`use`"),
    ] {
        let skipped = skipped(&jwk);
        assert!(skipped.contains(message), "{jwk}: {skipped}");
    }
}

#[test]
fn malformed_keys_are_skipped() {
    let x = encode(&[1; 32]);
    for (jwk, message) in [
        (r#"{"kty":"OKP","crv":"Ed25519","kid":"a"}"#.to_owned(), "`x`"),
        (r#"{"kty":"OKP","crv":"Ed25519","kid":"a","x":"AQ"}"#.to_owned(), "`x`"),
        (r#"{"kty":"OKP","crv":"Ed25519","kid":"a","x":"="}"#.to_owned(), "`x`"),
        (format!(r#"{{"kty":"EC","crv":"P-256","kid":"a","x":"{x}"}}"#), "`y`"),
        (format!(r#"{{"kty":"EC","crv":"P-256","kid":"a","x":"{x}","y":7}}"#), "string"),
        (format!(r#"{{"kty":"EC","crv":"P-256","kid":"a","x":"{x}","y":"{x}"}}"#), "not a point"),
        (Signer::ed25519(1).jwk(r#""kid":7"#), "string"),
        (Signer::ed25519(1).jwk(r#""kid":"a","alg":["EdDSA"]"#), "string"),
        (Signer::ed25519(1).jwk(r#""kid":"a","key_ops":"verify""#), "sequence"),
        (r#"{"kid":"a"}"#.to_owned(), "`kty`"),
        ("{}".to_owned(), "`kty`"),
        ("7".to_owned(), "object"),
        ("null".to_owned(), "object"),
        (r#"["OKP"]"#.to_owned(), "object"),
    ] {
        let skipped = skipped(&jwk);
        assert!(skipped.contains(message), "{jwk}: {skipped}");
    }
}

#[test]
fn a_weak_key_is_skipped() {
    // The neutral element: (0, 1).
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let jwk = format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"a","x":"{}"}}"#, encode(&neutral));
    assert!(skipped(&jwk).contains("weak"));
    // A modulus of 1024 bits, an even one, exponents with which everybody can sign.
    let rsa = |n: &[u8], e: &[u8]| {
        format!(r#"{{"kty":"RSA","kid":"a","n":"{}","e":"{}"}}"#, encode(n), encode(e))
    };
    let mut even = [0xff; 256];
    even[255] = 0xfe;
    for n in [&[0xff; 128][..], &[0xff; 1025], &even, &[0; 256], &[]] {
        assert!(skipped(&rsa(n, &[1, 0, 1])).contains("`n`"));
    }
    for e in [&[][..], &[0], &[1], &[0, 1], &[2], &[1, 0, 0, 0, 1]] {
        assert!(skipped(&rsa(&[0xff; 256], e)).contains("`e`"), "{e:?}");
    }
    assert!(parse(&set(&[rsa(&[0xff; 256], &[0, 3])])).is_ok());
}

#[test]
fn anything_else_is_no_key_set() {
    for text in [
        "",
        "7",
        "[]",
        "{}",
        r#"{"keys":7}"#,
        r#"{"keys":null}"#,
        r#"{"keys":"#,
        "hunter2",
        "\"hunter2\"",
    ] {
        let invalid = parse(text).unwrap_err();
        assert!(invalid.message.contains("JSON Web Key Set"), "{invalid}");
        assert!(!invalid.to_string().contains("hunter2"), "{invalid}");
    }
}

#[test]
fn an_empty_set_is_one_by_which_no_token_is_valid() {
    let tokens = parse(r#"{"keys":[]}"#).unwrap();
    assert!(tokens.refuse_all() && tokens.skipped().is_empty());
}
