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
use pilotlight_auth::{ApiKey, ApiKeys, Caller, Denied, Guard, Moment, Policy, Reason};

/// Seconds since 1970 when everything happens.
const NOW: u64 = 1_800_000_000;

fn now() -> Moment {
    moment(Duration::ZERO)
}

fn moment(later: Duration) -> Moment {
    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW) + later;
    Moment { wall, steady: later }
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
fn guard_of(key: &ApiKey, more: &str) -> Guard {
    let keys = ApiKeys::parse(&format!("{}{more}", key.entry())).unwrap();
    Guard::new(Policy { keys: Some(keys), ..Policy::default() })
}

fn check(guard: &Guard, headers: &HeaderMap) -> Result<Caller, Denied> {
    guard.check(headers, None, now())
}

/// Why a credential is refused.
fn refused(guard: &Guard, headers: &HeaderMap) -> Reason {
    let denied = check(guard, headers).unwrap_err();
    assert_eq!(denied.status(), 401);
    let Denied::Invalid(reason) = denied else { panic!("{denied:?}") };
    reason
}
