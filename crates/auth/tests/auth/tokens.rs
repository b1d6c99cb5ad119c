use std::time::{Duration, SystemTime};

use pilotlight_auth::{Authenticator, Policy, Principal, Reason, Rejection, Timestamp, Tokens};
use proptest::prelude::*;

use super::signer::{Signer, encode};
use super::{NOW, bearer, check, guard_of, headers, refused};

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "pilotlight";

fn authenticator(jwks: &str) -> Authenticator {
    let tokens = Some(Tokens::parse(jwks, ISSUER, AUDIENCE).unwrap());
    Authenticator::new(Policy { tokens, ..Policy::default() })
}

/// The claims of Ada's token, and `more` of them.
fn claims(more: &str) -> String {
    let exp = NOW + 60;
    format!(r#"{{"iss":"{ISSUER}","sub":"ada","aud":"{AUDIENCE}","exp":{exp}{more}}}"#)
}

fn ada() -> Principal {
    Principal::Subject { issuer: ISSUER.into(), subject: "ada".into() }
}

#[test]
fn a_signed_token_says_who_asks() {
    for signer in Signer::all() {
        let authenticator = authenticator(&signer.jwks());
        let token = signer.token(&claims(r#","scope":"x","iat":1"#));
        assert_eq!(check(&authenticator, &bearer(&token)), Ok(ada()));
        assert_eq!(check(&authenticator, &headers([("x-api-key", &token)])), Ok(ada()));
    }
    assert_eq!(ada().to_string(), "https://issuer.example#ada");
}

#[test]
fn a_key_is_found_by_its_id_among_many() {
    let [ed25519, p256, rsa] = Signer::all();
    let (a, b) = (ed25519.jwk(r#""kid":"b""#), rsa.jwk(r#""kid":"c","use":"sig","alg":"RS256""#));
    let authenticator =
        authenticator(&format!(r#"{{"keys":[{a},{},{b}]}}"#, p256.jwk(r#""kid":"a""#)));
    assert_eq!(check(&authenticator, &bearer(&p256.token(&claims("")))), Ok(ada()));
    let token = rsa.token_with(r#"{"alg":"RS256","kid":"c"}"#, &claims(""));
    assert_eq!(check(&authenticator, &bearer(&token)), Ok(ada()));
    let token = ed25519.token_with(r#"{"alg":"Ed25519","kid":"b"}"#, &claims(""));
    assert_eq!(check(&authenticator, &bearer(&token)), Ok(ada()));
    // Each is somebody else's key under this name.
    for (signer, kid) in [(&ed25519, "a"), (&ed25519, "c"), (&rsa, "b")] {
        let header = format!(r#"{{"alg":"{}","kid":"{kid}"}}"#, signer.algorithm());
        let token = signer.token_with(&header, &claims(""));
        assert_eq!(refused(&authenticator, &bearer(&token)), Reason::TokenAlgorithm);
    }
}

#[test]
fn a_signature_by_anybody_else_is_refused() {
    let authenticator = authenticator(&Signer::ed25519(1).jwks());
    let token = Signer::ed25519(2).token(&claims(""));
    assert_eq!(refused(&authenticator, &bearer(&token)), Reason::TokenSignature);
}

#[test]
fn the_algorithm_is_the_keys_whatever_the_token_says() {
    for signer in Signer::all() {
        let authenticator = authenticator(&signer.jwks());
        let others = ["none", "None", "HS256", "HS512", "RS512", "PS256", "ES384", "ES256K", ""];
        let ours = ["EdDSA", "ES256", "RS256"].into_iter().filter(|alg| *alg != signer.algorithm());
        for algorithm in others.into_iter().chain(ours) {
            let token =
                signer.token_with(&format!(r#"{{"alg":"{algorithm}","kid":"a"}}"#), &claims(""));
            assert_eq!(
                refused(&authenticator, &bearer(&token)),
                Reason::TokenAlgorithm,
                "{algorithm}"
            );
        }
    }
}

#[test]
fn a_token_without_a_signature_is_refused() {
    let signer = Signer::ed25519(1);
    let authenticator = authenticator(&signer.jwks());
    let none = encode(br#"{"alg":"none","kid":"a"}"#);
    let token = format!("{none}.{}.", encode(claims("").as_bytes()));
    assert_eq!(refused(&authenticator, &bearer(&token)), Reason::TokenAlgorithm);
    let token = signer.token(&claims(""));
    let (message, _) = token.rsplit_once('.').unwrap();
    assert_eq!(refused(&authenticator, &bearer(&format!("{message}."))), Reason::TokenSignature);
    assert!(matches!(refused(&authenticator, &bearer(message)), Reason::TokenMalformed(_)));
}

#[test]
fn an_hmac_with_the_public_key_as_its_secret_is_no_signature() {
    use ring::hmac::{HMAC_SHA256, Key, sign};
    for signer in Signer::all() {
        let jwks = signer.jwks();
        let header = encode(br#"{"alg":"HS256","kid":"a"}"#);
        let message = format!("{header}.{}", encode(claims("").as_bytes()));
        let tag = sign(&Key::new(HMAC_SHA256, jwks.as_bytes()), message.as_bytes());
        let token = format!("{message}.{}", encode(tag.as_ref()));
        assert_eq!(refused(&authenticator(&jwks), &bearer(&token)), Reason::TokenAlgorithm);
    }
}

#[test]
fn keys_that_a_token_brings_along_are_not_trusted() {
    let (trusted, stranger) = (Signer::ed25519(1), Signer::ed25519(2));
    let authenticator = authenticator(&trusted.jwks());
    let jwk = stranger.jwk(r#""kid":"a""#);
    for more in [format!(r#""jwk":{jwk}"#), r#""jku":"https://evil.example/jwks""#.to_owned()] {
        let token =
            stranger.token_with(&format!(r#"{{"alg":"EdDSA","kid":"a",{more}}}"#), &claims(""));
        assert_eq!(refused(&authenticator, &bearer(&token)), Reason::TokenSignature);
    }
}

#[test]
fn a_token_whose_key_is_unknown_is_refused() {
    let signer = Signer::ed25519(1);
    let authenticator = authenticator(&signer.jwks());
    for header in [r#"{"alg":"EdDSA","kid":"b"}"#, r#"{"alg":"EdDSA","kid":""}"#] {
        let token = signer.token_with(header, &claims(""));
        assert_eq!(refused(&authenticator, &bearer(&token)), Reason::TokenKey, "{header}");
    }
}

/// A set of these keys.
fn set(keys: &[String]) -> String {
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

#[test]
fn a_token_without_an_id_is_tried_with_every_key_of_its_algorithm() {
    let (first, last) = (Signer::ed25519(1), Signer::ed25519(2));
    let [_, p256, rsa] = Signer::all();
    let signers = [&first, &p256, &rsa, &last];
    let keys = [r#""kid":"a""#, r#""kid":"b""#, r#""use":"sig""#, r#""kid":"d""#];
    let keys: Vec<_> = signers.iter().zip(keys).map(|(signer, more)| signer.jwk(more)).collect();
    let authenticator = authenticator(&set(&keys));
    for signer in signers {
        for kid in ["", r#","kid":null"#] {
            let header = format!(r#"{{"alg":"{}"{kid}}}"#, signer.algorithm());
            let token = signer.token_with(&header, &claims(""));
            assert_eq!(check(&authenticator, &bearer(&token)), Ok(ada()), "{header}");
        }
    }
    let stranger = Signer::ed25519(3).token_with(r#"{"alg":"EdDSA"}"#, &claims(""));
    assert_eq!(refused(&authenticator, &bearer(&stranger)), Reason::TokenSignature);
    for alg in ["none", "HS256", "RS512", "ES384"] {
        let token = first.token_with(&format!(r#"{{"alg":"{alg}"}}"#), &claims(""));
        assert_eq!(refused(&authenticator, &bearer(&token)), Reason::TokenAlgorithm, "{alg}");
    }
    // The algorithm of another key of the set.
    let confused = first.token_with(r#"{"alg":"RS256"}"#, &claims(""));
    assert_eq!(refused(&authenticator, &bearer(&confused)), Reason::TokenSignature);
}

#[test]
fn a_key_without_an_id_fits_tokens_with_any() {
    let (named, nameless) = (Signer::ed25519(1), Signer::ed25519(2));
    let authenticator =
        authenticator(&set(&[named.jwk(r#""kid":"a""#), nameless.jwk(r#""use":"sig""#)]));
    for header in [r#"{"alg":"EdDSA","kid":"a"}"#, r#"{"alg":"EdDSA","kid":"b"}"#] {
        let token = nameless.token_with(header, &claims(""));
        assert_eq!(check(&authenticator, &bearer(&token)), Ok(ada()), "{header}");
    }
    let misnamed = named.token_with(r#"{"alg":"EdDSA","kid":"b"}"#, &claims(""));
    assert_eq!(refused(&authenticator, &bearer(&misnamed)), Reason::TokenSignature);
}

#[test]
fn keys_that_share_an_id_are_all_tried() {
    let (one, other) = (Signer::ed25519(1), Signer::ed25519(2));
    let [_, p256, rsa] = Signer::all();
    let signers = [&one, &other, &p256, &rsa, &one];
    let authenticator = authenticator(&set(&signers.map(|signer| signer.jwk(r#""kid":"a""#))));
    for signer in signers {
        assert_eq!(check(&authenticator, &bearer(&signer.token(&claims("")))), Ok(ada()));
    }
    let stranger = Signer::ed25519(3).token(&claims(""));
    assert_eq!(refused(&authenticator, &bearer(&stranger)), Reason::TokenSignature);
}

#[test]
fn no_token_makes_the_host_try_more_than_sixteen_keys() {
    let keys: Vec<_> =
        (1..=17).map(|seed| Signer::ed25519(seed).jwk(&format!(r#""kid":"{seed}""#))).collect();
    let authenticator = authenticator(&set(&keys));
    let token = |seed: u8, kid: &str| {
        Signer::ed25519(seed).token_with(&format!(r#"{{"alg":"EdDSA"{kid}}}"#), &claims(""))
    };
    assert_eq!(check(&authenticator, &bearer(&token(16, ""))), Ok(ada()));
    assert_eq!(refused(&authenticator, &bearer(&token(17, ""))), Reason::TokenKeys);
    assert_eq!(check(&authenticator, &bearer(&token(17, r#","kid":"17""#))), Ok(ada()));
}

#[test]
fn a_key_that_cannot_be_used_does_not_disable_the_others() {
    let signer = Signer::ed25519(1);
    let unusable = [
        r#"{"kty":"RSA","kid":"a","use":"enc"}"#.to_owned(),
        r#"{"kty":"OKP","crv":"Ed25519","kid":"a","x":"AA"}"#.to_owned(),
        Signer::ed25519(2).jwk(r#""kid":"a","d":"AA""#),
        "null".to_owned(),
    ];
    for unusable in unusable {
        let authenticator = authenticator(&set(&[unusable, signer.jwk(r#""kid":"a""#)]));
        assert_eq!(check(&authenticator, &bearer(&signer.token(&claims("")))), Ok(ada()));
        let private = Signer::ed25519(2).token(&claims(""));
        assert_eq!(refused(&authenticator, &bearer(&private)), Reason::TokenSignature);
    }
}

#[test]
fn a_header_that_must_be_understood_and_is_not_is_refused() {
    let signer = Signer::ed25519(1);
    let authenticator = authenticator(&signer.jwks());
    for header in [
        r#"{"alg":"EdDSA","kid":"a","crit":["b64"],"b64":false}"#,
        r#"{"alg":"EdDSA","kid":"a","crit":null}"#,
        r#"{"alg":"EdDSA","kid":"a","crit":false}"#,
        r#"{"alg":"EdDSA","kid":"a","kid":"a"}"#,
        r#"{"alg":"EdDSA","kid":7}"#,
        r#"{"kid":"a"}"#,
        r#"["EdDSA","a",null,true]"#,
        "{}",
        "",
        "{",
    ] {
        let token = signer.token_with(header, &claims(""));
        assert_eq!(
            refused(&authenticator, &bearer(&token)),
            Reason::TokenMalformed("header"),
            "{header}"
        );
    }
}

#[test]
fn what_an_issuer_signs_for_something_else_is_no_token() {
    let signer = Signer::ed25519(1);
    let authenticator = authenticator(&signer.jwks());
    let token = |typ: &str| {
        signer.token_with(&format!(r#"{{"alg":"EdDSA","kid":"a","typ":"{typ}"}}"#), &claims(""))
    };
    for typ in ["JWT", "jwt", "at+jwt", "application/at+jwt"] {
        assert_eq!(check(&authenticator, &bearer(&token(typ))), Ok(ada()), "{typ}");
    }
    for typ in ["logout+jwt", "dpop+jwt", "application/", ""] {
        assert_eq!(refused(&authenticator, &bearer(&token(typ))), Reason::TokenType, "{typ}");
    }
}

#[test]
fn claims_are_compared_to_the_letter() {
    let signer = Signer::ed25519(1);
    let authenticator = authenticator(&signer.jwks());
    let (iss, aud, exp) =
        (r#""iss":"https://issuer.example""#, r#""aud":"pilotlight""#, r#""exp":1800000060"#);
    let malformed = Reason::TokenMalformed("claims");
    for (claims, reason) in [
        (format!(r#"{{{aud},{exp},"sub":"ada"}}"#), Reason::TokenIssuer),
        (
            format!(r#"{{"iss":"https://issuer.example/",{aud},{exp},"sub":"ada"}}"#),
            Reason::TokenIssuer,
        ),
        (format!(r#"{{"iss":null,{aud},{exp},"sub":"ada"}}"#), Reason::TokenIssuer),
        (
            format!(r#"{{"iss":["https://issuer.example"],{aud},{exp},"sub":"ada"}}"#),
            malformed.clone(),
        ),
        (format!(r#"{{{iss},{iss},{aud},{exp},"sub":"ada"}}"#), malformed.clone()),
        (format!(r#"{{{iss},{exp},"sub":"ada"}}"#), Reason::TokenAudience),
        (format!(r#"{{{iss},"aud":"other",{exp},"sub":"ada"}}"#), Reason::TokenAudience),
        (format!(r#"{{{iss},"aud":[],{exp},"sub":"ada"}}"#), Reason::TokenAudience),
        (format!(r#"{{{iss},"aud":["a","Pilotlight"],{exp},"sub":"ada"}}"#), Reason::TokenAudience),
        (format!(r#"{{{iss},"aud":[1],{exp},"sub":"ada"}}"#), malformed.clone()),
        (format!(r#"{{{iss},{aud},{exp}}}"#), Reason::TokenSubject),
        (format!(r#"{{{iss},{aud},{exp},"sub":""}}"#), Reason::TokenSubject),
        (format!(r#"{{{iss},{aud},{exp},"sub":"{}"}}"#, "a".repeat(256)), Reason::TokenSubject),
        (format!(r#"{{{iss},{aud},{exp},"sub":7}}"#), malformed.clone()),
        (format!(r#"{{{iss},{aud},"sub":"ada"}}"#), Reason::TokenEternal),
        (format!(r#"{{{iss},{aud},"exp":null,"sub":"ada"}}"#), Reason::TokenEternal),
        (format!(r#"{{{iss},{aud},"exp":"1800000060","sub":"ada"}}"#), malformed.clone()),
        (format!(r#"{{{iss},{aud},"exp":1e999,"sub":"ada"}}"#), malformed.clone()),
        (
            r#"["https://issuer.example","ada","pilotlight",1800000060,null]"#.to_owned(),
            malformed.clone(),
        ),
        ("not JSON".to_owned(), malformed),
    ] {
        assert_eq!(refused(&authenticator, &bearer(&signer.token(&claims))), reason, "{claims}");
    }
    let several = format!(r#"{{{iss},"aud":["other","pilotlight"],{exp},"sub":"ada"}}"#);
    assert_eq!(check(&authenticator, &bearer(&signer.token(&several))), Ok(ada()));
}

#[test]
fn a_token_is_valid_in_its_time_and_half_a_minute_around() {
    let signer = Signer::ed25519(1);
    let authenticator = authenticator(&signer.jwks());
    let (nbf, exp) = (NOW - 100, NOW + 100);
    let claims =
        format!(r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","sub":"ada","nbf":{nbf},"exp":{exp}.5}}"#);
    let headers = bearer(&signer.token(&claims));
    let at = |seconds: f64| {
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs_f64(seconds);
        authenticator.check(&headers, None, Timestamp { wall, monotonic: Duration::ZERO })
    };
    let (nbf, exp) = (nbf as f64, exp as f64 + 0.5);
    assert_eq!(at(nbf - 30.25), Err(Rejection::Invalid(Reason::TokenEarly)));
    assert_eq!(at(nbf - 30.0), Ok(ada()));
    assert_eq!(at(exp + 29.75), Ok(ada()));
    assert_eq!(at(exp + 30.0), Err(Rejection::Invalid(Reason::TokenExpired)));
    assert_eq!(at(0.0), Err(Rejection::Invalid(Reason::TokenEarly)));
    let before_1970 = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    let timestamp = Timestamp { wall: before_1970, monotonic: Duration::ZERO };
    assert_eq!(
        authenticator.check(&headers, None, timestamp),
        Err(Rejection::Invalid(Reason::TokenEarly))
    );
}

#[test]
fn a_token_that_is_too_long_is_not_even_read() {
    let signer = Signer::ed25519(1);
    let authenticator = authenticator(&signer.jwks());
    let of = |length: usize| signer.token(&claims(&format!(r#","x":"{}""#, "x".repeat(length))));
    assert_eq!(check(&authenticator, &bearer(&of(5000))), Ok(ada()));
    assert_eq!(refused(&authenticator, &bearer(&of(7000))), Reason::TokenTooLong);
}

#[test]
fn keys_and_tokens_go_together() {
    let key = pilotlight_auth::ApiKey::generate("a").unwrap();
    let signer = Signer::ed25519(1);
    let tokens = authenticator(&signer.jwks());
    assert_eq!(refused(&tokens, &bearer(key.expose())), Reason::NoKeys);
    let token = signer.token(&claims(""));
    assert_eq!(refused(&guard_of(&key, ""), &bearer(&token)), Reason::NoTokens);
    let keys = pilotlight_auth::ApiKeys::parse(&key.entry()).unwrap();
    let known = Tokens::parse(&signer.jwks(), ISSUER, AUDIENCE).unwrap();
    let both = Authenticator::new(Policy { keys: Some(keys), tokens: Some(known), rate: None });
    assert_eq!(check(&both, &bearer(&token)), Ok(ada()));
    assert!(check(&both, &bearer(key.expose())).is_ok());
}

#[test]
fn a_subject_breaks_no_line_of_the_log() {
    let signer = Signer::ed25519(1);
    let authenticator = authenticator(&signer.jwks());
    let sub = claims("").replace("ada", r"a\nb\u001b[1m");
    let principal = check(&authenticator, &bearer(&signer.token(&sub))).unwrap();
    assert_eq!(principal.to_string(), r"https://issuer.example#a\nb\u{1b}[1m");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_changed_token_is_accepted(kind in 0..3_usize, place in any::<usize>(), to in "[A-Za-z0-9._-]") {
        let signer = &Signer::all()[kind];
        let authenticator = authenticator(&signer.jwks());
        let mut token = signer.token(&claims(""));
        let place = place % token.len();
        prop_assume!(token[place..=place] != to);
        token.replace_range(place..=place, &to);
        prop_assert!(check(&authenticator, &bearer(&token)).is_err(), "{token}");
        token.truncate(place);
        prop_assert!(check(&authenticator, &bearer(&token)).is_err(), "{token}");
    }
}
