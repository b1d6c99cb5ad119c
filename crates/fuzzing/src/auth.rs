//! What a principal may send to show who asks, and what an operator may write into the files that say
//! who may.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use arbitrary::Arbitrary;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use pilotlight_auth::{ApiKeys, Authenticator, Policy, Rate, Rejection, Timestamp, Tokens};

#[derive(Debug, Arbitrary)]
pub struct Input {
    keys: String,
    jwks: String,
    headers: Vec<(bool, Vec<u8>)>,
    rate: f64,
    burst: Option<u32>,
    seconds: u32,
}

/// Nobody knows the key whose digest this is, nor the private half of this public key (RFC 8037,
/// appendix A, with another id than its own).
static LOCKED: LazyLock<Authenticator> = LazyLock::new(|| {
    let digest = "0".repeat(64);
    let keys = ApiKeys::parse(&format!("[keys.a]\nsha256 = \"{digest}\"")).expect("it is a file");
    let jwks = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    let tokens = Tokens::parse(jwks, "i", "a").expect("it is a key set");
    Authenticator::new(Policy { keys: Some(keys), tokens: Some(tokens), rate: None })
});

/// Runs the target.
pub fn run(input: Input) {
    let mut headers = HeaderMap::new();
    for (bearer, value) in &input.headers {
        let name = if *bearer { AUTHORIZATION } else { HeaderName::from_static("x-api-key") };
        let value = if *bearer { [b"Bearer ", &value[..]].concat() } else { value.clone() };
        let Ok(value) = HeaderValue::from_bytes(&value) else { continue };
        headers.append(name, value);
    }
    let monotonic = Duration::from_secs(input.seconds.into());
    let now = Timestamp { wall: SystemTime::UNIX_EPOCH + monotonic, monotonic };
    let rejection = LOCKED.check(&headers, None, now).expect_err("somebody came in");
    assert!(!matches!(rejection, Rejection::TooMany { .. }));
    let policy = Policy {
        keys: ApiKeys::parse(&input.keys).ok(),
        tokens: Tokens::parse(&input.jwks, "i", "a").ok(),
        rate: Rate::new(input.rate, input.burst).ok(),
    };
    let open = policy.keys.is_none() && policy.tokens.is_none();
    let checked = LOCKED.renewed(policy).check(&headers, None, now);
    assert!(checked.is_ok() || !open, "the first request of all was refused: {checked:?}");
}
