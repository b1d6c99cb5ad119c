//! Who may ask, and who may not.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

mod admin;
mod any_input;
mod api_keys;
mod files;
mod forwarded;
mod key_sets;
mod options;
mod proxy_protocol;
mod rates;
mod signer;
mod tokens;

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use pilotlight_auth::{
    ApiKey, ApiKeys, Authenticator, Policy, Principal, Reason, Rejection, Timestamp,
};

/// Seconds since 1970 when everything happens.
const NOW: u64 = 1_800_000_000;

fn now() -> Timestamp {
    timestamp(Duration::ZERO)
}

fn timestamp(later: Duration) -> Timestamp {
    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW) + later;
    Timestamp { wall, monotonic: later }
}

fn headers<const N: usize>(headers: [(&str, &str); N]) -> HeaderMap {
    let header = |(name, value): (&str, &str)| {
        (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
    };
    HeaderMap::from_iter(headers.map(header))
}

fn bearer(credential: &str) -> HeaderMap {
    headers([("authorization", &format!("Bearer {credential}"))])
}

/// A guard who knows one key, with the lines `more` in its entry.
fn guard_of(key: &ApiKey, more: &str) -> Authenticator {
    let keys = ApiKeys::parse(&format!("{}{more}", key.entry())).unwrap();
    Authenticator::new(Policy { keys: Some(keys), ..Policy::default() })
}

fn check(authenticator: &Authenticator, headers: &HeaderMap) -> Result<Principal, Rejection> {
    authenticator.check(headers, None, now())
}

/// Why a credential is refused.
fn refused(authenticator: &Authenticator, headers: &HeaderMap) -> Reason {
    let rejection = check(authenticator, headers).unwrap_err();
    assert_eq!(rejection.status(), 401);
    let Rejection::Invalid(reason) = rejection else { panic!("{rejection:?}") };
    reason
}
