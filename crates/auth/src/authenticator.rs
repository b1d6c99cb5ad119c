use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderMap;

use crate::credential::credential;
use crate::key::PREFIX;
use crate::policy::Policy;
use crate::principal::{Network, Principal};
use crate::rate::Rate;
use crate::rate_limiter::RateLimiter;
use crate::rejection::{Reason, Rejection};
use crate::timestamp::Timestamp;

/// Lets requests pass, or not. Nothing in it changes but what principals have left; when the policy
/// does, a [`renewed`](Self::renewed) guard takes its place.
#[derive(Debug)]
pub struct Authenticator {
    policy: Policy,
    /// `None` if nobody is limited.
    limiter: Option<Arc<RateLimiter>>,
}

impl Authenticator {
    /// An authenticator by which every principal still has its whole rate.
    pub fn new(policy: Policy) -> Self {
        Self::with(policy, None)
    }

    /// An authenticator by another policy, such as the same files read again. It knows what principals have
    /// left, and shares that with this one while both are in use.
    #[must_use]
    pub fn renewed(&self, policy: Policy) -> Self {
        Self::with(policy, self.limiter.clone())
    }

    fn with(policy: Policy, limiter: Option<Arc<RateLimiter>>) -> Self {
        let limits = policy.rate.is_some() || policy.keys.as_ref().is_some_and(|k| k.have_rates());
        let limiter = limiter.or_else(|| limits.then(Arc::default));
        Self { policy, limiter }
    }

    /// Authenticates a request. A request with an invalid credential does not count for any rate
    /// limit. `client` is its client address, if known; without required credentials the rate limit
    /// applies to it.
    ///
    /// # Errors
    /// [`Rejection`].
    pub fn check(
        &self,
        headers: &HeaderMap,
        client: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Principal, Rejection> {
        let (principal, own_rate) = self.identify(headers, client, now.wall)?;
        let rate = own_rate.or(self.policy.rate);
        if let (Some(rate), Some(limiter)) = (rate, &self.limiter) {
            let taken = limiter.take(&principal, rate, now.monotonic);
            if let Err(retry_after) = taken {
                return Err(Rejection::TooMany { principal, retry_after });
            }
        }
        Ok(principal)
    }

    fn identify(
        &self,
        headers: &HeaderMap,
        client: Option<IpAddr>,
        now: SystemTime,
    ) -> Result<(Principal, Option<Rate>), Rejection> {
        let Policy { keys, tokens, .. } = &self.policy;
        if keys.is_none() && tokens.is_none() {
            return Ok((Principal::Anonymous(client.map(Network::of)), None));
        }
        let credential = credential(headers)?.ok_or(Rejection::Missing)?;
        let identified = if credential.starts_with(PREFIX.as_bytes()) {
            let key = str::from_utf8(credential).map_err(|_| Reason::KeyMalformed);
            let keys = keys.as_ref().ok_or(Reason::NoKeys);
            keys.and_then(|keys| keys.identify(key?, now))
        } else {
            let tokens = tokens.as_ref().ok_or(Reason::NoTokens);
            tokens.and_then(|tokens| Ok((tokens.identify(credential, now)?, None)))
        };
        identified.map_err(Rejection::Invalid)
    }
}
