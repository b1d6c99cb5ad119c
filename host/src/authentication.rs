//! `[auth]` sections by their names, as the configuration and the files that it names say.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, StatusCode};
use pilotlight_auth::{
    AuthOptions, Authenticator, Policy, Principal, Rejection, Timestamp, Tokens,
};
use pilotlight_files::{FileCheck, Reloaded};
use pilotlight_telemetry::ErrorKind;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::request::{Body, Refusal, RequestContext};

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// `[auth]` sections by their names.
pub(crate) type Authentications = BTreeMap<String, Arc<Authentication>>;

/// One `[auth]` section.
#[derive(Debug)]
pub(crate) struct Authentication {
    name: String,
    options: AuthOptions,
    authenticator: Reloaded<Arc<Authenticator>>,
}

/// As what a rejected request is counted, and its response.
pub(crate) type Rejected = Box<Refusal>;

/// How many requests were rejected.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    unauthorized: AtomicU64,
    rate_limited: AtomicU64,
}

/// Number of requests of a route that were rejected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RefusalStatus {
    /// Their credential was missing, wrong or expired.
    pub unauthorized: u64,
    /// Their principal had asked too much.
    pub rate_limited: u64,
}

/// Makes the `[auth]` sections ready. Those that `before` had keep what they know of their principals. Reads files.
///
/// # Errors
/// [`Error::Auth`].
pub(crate) fn authentications(
    options: BTreeMap<String, AuthOptions>,
    before: &Authentications,
) -> Result<Authentications> {
    let auth = |(name, options): (String, AuthOptions)| {
        let auth = match before.get(&name) {
            Some(before) if before.options == options => Arc::clone(before),
            before => Arc::new(Authentication::new(
                &name,
                options,
                before.map(|auth| auth.authenticator.get()),
            )?),
        };
        Ok((name, auth))
    };
    options.into_iter().map(auth).collect()
}

impl Authentication {
    fn new(name: &str, options: AuthOptions, before: Option<Arc<Authenticator>>) -> Result<Self> {
        let files = files(&options);
        let known: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
        let authenticator = Reloaded::read(&known, || {
            let policy = read_policy(name, &options)?;
            let authenticator = match before {
                Some(before) => before.renewed(policy),
                None => Authenticator::new(policy),
            };
            Ok((Arc::new(authenticator), files.clone()))
        });
        let refused = |source| Error::Auth { name: name.to_owned(), source };
        Ok(Self { name: name.to_owned(), authenticator: authenticator.map_err(refused)?, options })
    }

    /// Whether who asks has to show who he is.
    pub(crate) fn identifies(&self) -> bool {
        self.options.identifies()
    }

    /// Reads its files again if they have changed.
    pub(crate) fn check_files(&self, check: FileCheck) {
        self.authenticator.check_files(check, &self.name, |authenticator| {
            let policy = read_policy(&self.name, &self.options)?;
            Ok::<_, pilotlight_auth::Error>((
                Arc::new(authenticator.renewed(policy)),
                files(&self.options),
            ))
        });
    }

    /// Authenticates a request, or answers it. `route` is what the log calls its route.
    pub(crate) fn authenticate(
        &self,
        headers: &HeaderMap,
        client: Option<IpAddr>,
        (refusals, route): (&Refusals, &str),
        context: &RequestContext,
    ) -> std::result::Result<Principal, Rejected> {
        self.authenticator.get().check(headers, client, Timestamp::now()).map_err(|rejection| {
            refusals.count(&rejection);
            let (auth, reason) = (&self.name, rejection.reason());
            context.within(|| tracing::debug!(route, auth, reason, "rejected"));
            Box::new(refused(&rejection))
        })
    }
}

/// Reads what `options` name; keys of a set that cannot be used are told in the log.
fn read_policy(
    auth: &str,
    options: &AuthOptions,
) -> std::result::Result<Policy, pilotlight_auth::Error> {
    let policy = Policy::read(options)?;
    let file = options.jwks.as_deref().map(Path::display).map(tracing::field::display);
    for invalid in policy.tokens.iter().flat_map(Tokens::skipped) {
        let (key, reason) = (&invalid.key, &invalid.message);
        tracing::warn!(auth, file, key, reason, "key of the key set is skipped");
    }
    if policy.tokens.as_ref().is_some_and(Tokens::refuse_all) {
        tracing::warn!(auth, file, "the key set has no usable key; every token is refused");
    }
    Ok(policy)
}

fn files(options: &AuthOptions) -> Vec<PathBuf> {
    options.api_keys.iter().chain(&options.jwks).cloned().collect()
}

fn refused(rejection: &Rejection) -> Refusal {
    let status = rejection.status();
    let (kind, error_type) = match status {
        StatusCode::UNAUTHORIZED => (ErrorKind::Unauthorized, "unauthorized"),
        StatusCode::TOO_MANY_REQUESTS => (ErrorKind::RateLimited, "rate_limited"),
        _ => (ErrorKind::Malformed, "malformed"),
    };
    let mut response = Body::refusal(status, error_type, rejection.message());
    let (name, value) = rejection.header();
    response.headers_mut().insert(name, value);
    (kind, response)
}

/// Takes out the headers in which credentials are: functions have no business with them.
pub(crate) fn remove_credentials(headers: &mut HeaderMap) {
    headers.remove(AUTHORIZATION);
    headers.remove(X_API_KEY);
}

impl Refusals {
    fn count(&self, rejection: &Rejection) {
        let counter = match rejection {
            Rejection::TooMany { .. } => &self.rate_limited,
            _ => &self.unauthorized,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn status(&self) -> RefusalStatus {
        RefusalStatus {
            unauthorized: self.unauthorized.load(Ordering::Relaxed),
            rate_limited: self.rate_limited.load(Ordering::Relaxed),
        }
    }
}
