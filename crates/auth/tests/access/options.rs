use pilotlight_auth::{Error, Guard, Options, Policy};
use tempfile::TempDir;

use super::files::write;
use super::signer::Signer;
use super::{NOW, bearer, check};

#[test]
fn without_options_everybody_may_ask_as_often_as_he_likes() {
    let policy = Policy::read(&Options::default()).unwrap();
    assert!(policy.keys.is_none() && policy.tokens.is_none() && policy.rate.is_none());
}

#[test]
fn options_that_do_not_go_together_are_named() {
    let folder = TempDir::new().unwrap();
    let jwks = Some(write(&folder, 0o600, Signer::ed25519(1).jwks().as_bytes()));
    let issuer = Some("https://issuer.example".to_owned());
    let audience = Some("pilotlight".to_owned());
    let none = Options::default;
    for (options, place) in [
        (Options { jwks: jwks.clone(), ..none() }, "issuer"),
        (Options { jwks: jwks.clone(), issuer: issuer.clone(), ..none() }, "audience"),
        (Options { jwks: jwks.clone(), audience: audience.clone(), ..none() }, "issuer"),
        (Options { issuer: issuer.clone(), audience: audience.clone(), ..none() }, "issuer"),
        (Options { audience: audience.clone(), ..none() }, "audience"),
        (Options { burst: Some(5), ..none() }, "burst"),
        (Options { rate: Some(0.0), ..none() }, "rate"),
        (Options { rate: Some(1.0), burst: Some(0), ..none() }, "burst"),
    ] {
        let error = Policy::read(&options).unwrap_err();
        let Error::Invalid(mistake) = error else { panic!("{error}") };
        assert_eq!(mistake.place, place, "{mistake}");
    }
    let all = Options { jwks, issuer, audience, rate: Some(1.0), burst: Some(1), ..none() };
    let guard = Guard::new(Policy::read(&all).unwrap());
    let exp = NOW + 1;
    let claims =
        format!(r#"{{"iss":"https://issuer.example","aud":"pilotlight","sub":"ada","exp":{exp}}}"#);
    let headers = bearer(&Signer::ed25519(1).token(&claims));
    assert!(check(&guard, &headers).is_ok());
    assert_eq!(check(&guard, &headers).unwrap_err().status(), 429);
}
