//! What went wrong, from what a registry answered or did not answer.

use std::io::{ErrorKind, Read as _};

use serde::Deserialize;
use ureq::Body;
use ureq::http::header::RETRY_AFTER;
use ureq::http::uri::Scheme;
use ureq::http::{Response, StatusCode, Uri};

use crate::artifact::shown;
use crate::credentials::Credentials;
use crate::error::Error;
use crate::remote::Remote;

/// How much of a refusal is read.
const LONGEST_REFUSAL: u64 = 16 << 10;

impl Remote {
    /// The error that a status other than those expected stands for.
    pub(crate) fn refusal(
        &self,
        doing: &'static str,
        mut response: Response<Body>,
        from: &Uri,
    ) -> Error {
        let status = response.status();
        let registry = authority(from);
        if status == StatusCode::TOO_MANY_REQUESTS {
            let after = response.headers().get(RETRY_AFTER);
            let after = after.and_then(|value| value.to_str().ok()).map(shown);
            let when = after.map(|after| match after.parse::<u64>() {
                Ok(seconds) => format!("in {seconds} s"),
                Err(_) => format!("after {after}"),
            });
            return Error::TooManyRequests {
                registry,
                when: when.unwrap_or_else(|| "later".to_owned()),
            };
        }
        let message = said(response.body_mut()).map(|said| format!(": {said}")).unwrap_or_default();
        let reference = self.reference.to_string();
        match status {
            StatusCode::UNAUTHORIZED => self.refused(),
            StatusCode::FORBIDDEN => Error::Denied { reference, registry, doing, message },
            StatusCode::NOT_FOUND => Error::NotFound { reference, message },
            _ => Error::Answer { registry, doing, message: format!("status {status}{message}") },
        }
    }

    /// An answer that is not what it should be.
    pub(crate) fn answer(&self, from: &Uri, doing: &'static str, message: String) -> Error {
        Error::Answer { registry: authority(from), doing, message }
    }

    /// A request that came to nothing.
    pub(crate) fn failed(&self, uri: &Uri, error: &ureq::Error) -> Error {
        let tls = uri.scheme() == Some(&Scheme::HTTPS);
        let hint = match error {
            // A handshake that fails is an I/O error that holds one of rustls.
            ureq::Error::Io(error) if tls && error.kind() == ErrorKind::InvalidData => {
                "; if it does not use TLS, pass --plain-http; if its certificate is self-signed, \
                 name the authority's certificate in SSL_CERT_FILE"
            }
            ureq::Error::Io(_) | ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => {
                "; check that it runs and that the name is right"
            }
            _ => "",
        };
        self.unreachable(&authority(uri), &format!("{error}{hint}"))
    }

    /// The registry cannot be reached, or does not speak HTTP.
    pub(crate) fn unreachable(&self, registry: &str, reason: &str) -> Error {
        Error::Unreachable { registry: registry.to_owned(), reason: reason.to_owned() }
    }

    /// The registry wants credentials, or others.
    pub(crate) fn refused(&self) -> Error {
        let registry = self.reference.registry();
        let reason = match &self.credentials {
            Credentials::Anonymous => format!(
                "requires authentication; run `docker login {registry}`, or set \
                 PILOTLIGHT_REGISTRY_USER and PILOTLIGHT_REGISTRY_PASSWORD"
            ),
            Credentials::User { name, .. } => format!(
                "does not allow this to {name}; check the password or token, and its permissions \
                 for {}",
                self.reference.repository()
            ),
        };
        Error::Unauthorized { registry, reason }
    }
}

/// Reads a body of at most `limit` bytes.
///
/// # Errors
/// What the connection says, and that the body is longer.
pub(crate) fn read_up_to(body: &mut Body, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    body.with_config().limit(limit).reader().read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What registries say when they refuse.
#[derive(Deserialize)]
struct Refusal {
    errors: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    message: Option<String>,
    code: Option<String>,
}

fn said(body: &mut Body) -> Option<String> {
    let text = read_up_to(body, LONGEST_REFUSAL).ok()?;
    let refusal: Refusal = serde_json::from_slice(&text).ok()?;
    let reasons = refusal.errors.into_iter();
    let reasons = reasons.filter_map(|reason| reason.message.or(reason.code));
    let said = reasons.collect::<Vec<_>>().join("; ");
    (!said.is_empty()).then(|| shown(&said))
}

pub(crate) fn authority(uri: &Uri) -> String {
    let host = uri.host().unwrap_or_default();
    uri.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
