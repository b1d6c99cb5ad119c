use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use pilotlight_auth::{AdminToken, Error};
use tempfile::TempDir;

use super::files::write;
use super::{bearer, headers};

const TOKEN: &str = "0123456789abcdef0123456789ABCDEF";

fn read(mode: u32, text: &str) -> Result<AdminToken, Error> {
    let folder = TempDir::new().unwrap();
    AdminToken::read_file(&write(&folder, mode, text.as_bytes()))
}

/// What is sent by who has a file.
fn sent(mode: u32, text: &str) -> Result<HeaderValue, Error> {
    let folder = TempDir::new().unwrap();
    AdminToken::authorization(&write(&folder, mode, text.as_bytes()))
}

#[test]
fn a_token_lets_its_bearer_administer() {
    for end in ["", "\n", "\r\n"] {
        let token = read(0o600, &format!("{TOKEN}{end}")).unwrap();
        assert!(token.matches(&bearer(TOKEN)));
        assert!(token.matches(&headers([("authorization", &format!("bearer {TOKEN}"))])));
        let value = sent(0o600, &format!("{TOKEN}{end}")).unwrap();
        assert!(value.is_sensitive());
        assert!(token.matches(&HeaderMap::from_iter([(AUTHORIZATION, value)])));
    }
}

#[test]
fn nothing_else_does() {
    let token = read(0o400, TOKEN).unwrap();
    assert!(!token.matches(&HeaderMap::new()));
    for sent in ["", "x", &TOKEN[1..], &TOKEN[..31], &format!("{TOKEN}x"), &TOKEN.to_lowercase()] {
        assert!(!token.matches(&bearer(sent)), "{sent}");
    }
    assert!(!token.matches(&headers([("x-api-key", TOKEN)])));
    assert!(!token.matches(&headers([("authorization", TOKEN)])));
    assert!(!token.matches(&headers([("authorization", &format!("Basic {TOKEN}"))])));
    let mut twice = bearer(TOKEN);
    twice.append("authorization", HeaderValue::from_static("Bearer x"));
    assert!(!token.matches(&twice));
}

#[test]
fn a_token_that_others_can_read_is_refused() {
    for mode in [0o644, 0o604, 0o620, 0o602] {
        assert!(matches!(sent(mode, TOKEN), Err(Error::Exposed { .. })), "{mode:o}");
        let error = read(mode, TOKEN).unwrap_err();
        assert!(matches!(error, Error::Exposed { .. }), "{error}");
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
}

#[test]
fn a_token_that_can_be_guessed_or_not_be_sent_is_refused_and_not_repeated() {
    let (short, spaced) = ("hunter2".to_owned(), format!("hunter2 {TOKEN}"));
    let lines = format!("hunter2{TOKEN}\n\n");
    for text in [short, spaced, lines, format!("hunter2é{TOKEN}"), String::new()] {
        let error = read(0o600, &text).unwrap_err();
        assert!(matches!(error, Error::In { .. }), "{error}");
        assert!(error.to_string().contains("openssl rand"), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
    let long = read(0o600, &"x".repeat(5000)).unwrap_err();
    assert!(matches!(long, Error::TooLong { .. }), "{long}");
    assert!(matches!(AdminToken::read_file("/missing".as_ref()), Err(Error::Io { .. })));
}

#[test]
fn a_token_does_not_show_itself() {
    let shown = format!("{:?}", read(0o600, TOKEN).unwrap());
    assert_eq!(shown, "AdminToken(Fingerprint(…))");
}
