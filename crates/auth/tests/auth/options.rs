use pilotlight_auth::{AuthOptions, Authenticator, Error, Policy};
use tempfile::TempDir;

use super::files::write;
use super::signer::Signer;
use super::{NOW, bearer, check};

#[test]
fn without_options_everybody_may_ask_as_often_as_he_likes() {
    let policy = Policy::read(&AuthOptions::default()).unwrap();
    assert!(policy.keys.is_none() && policy.tokens.is_none() && policy.rate.is_none());
}

#[test]
fn options_that_do_not_go_together_are_named() {
    let folder = TempDir::new().unwrap();
    let jwks = Some(write(&folder, 0o600, Signer::ed25519(1).jwks().as_bytes()));
    let issuer = Some("https://issuer.example".to_owned());
    let audience = Some("pilotlight".to_owned());
    let none = AuthOptions::default;
    for (options, place) in [
        (AuthOptions { jwks: jwks.clone(), ..none() }, "issuer"),
        (AuthOptions { jwks: jwks.clone(), issuer: issuer.clone(), ..none() }, "audience"),
        (AuthOptions { jwks: jwks.clone(), audience: audience.clone(), ..none() }, "issuer"),
        (AuthOptions { issuer: issuer.clone(), audience: audience.clone(), ..none() }, "issuer"),
        (AuthOptions { audience: audience.clone(), ..none() }, "audience"),
        (AuthOptions { burst: Some(5), ..none() }, "burst"),
        (AuthOptions { rate: Some(0.0), ..none() }, "rate"),
        (AuthOptions { rate: Some(1.0), burst: Some(0), ..none() }, "burst"),
    ] {
        let error = Policy::read(&options).unwrap_err();
        let Error::Invalid(invalid) = error else { panic!("{error}") };
        assert_eq!(invalid.key, place, "{invalid}");
    }
    let all = AuthOptions { jwks, issuer, audience, rate: Some(1.0), burst: Some(1), ..none() };
    let authenticator = Authenticator::new(Policy::read(&all).unwrap());
    let exp = NOW + 1;
    let claims =
        format!(r#"{{"iss":"https://issuer.example","aud":"pilotlight","sub":"ada","exp":{exp}}}"#);
    let headers = bearer(&Signer::ed25519(1).token(&claims));
    assert!(check(&authenticator, &headers).is_ok());
    assert_eq!(check(&authenticator, &headers).unwrap_err().status(), 429);
}
