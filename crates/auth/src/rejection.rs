use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::status::StatusCode;

use crate::principal::Principal;

/// Rejection of a request. Its display is for the caller; [`Rejection::reason`] is for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// The request has no credential.
    Missing,
    /// There are several credentials, and none is chosen.
    Ambiguous,
    /// The credential is not valid.
    Invalid(Reason),
    /// The principal has asked too much.
    TooMany {
        /// Who.
        principal: Principal,
        /// When there is a request for him again.
        retry_after: Duration,
    },
}

/// Error of a credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The credential is an API key, and no keys are configured.
    #[error("the credential is an API key, but `api-keys` is not configured")]
    NoKeys,
    /// The credential is no API key, and nothing else is configured.
    #[error("the credential is not an API key, and `jwks` is not configured")]
    NoTokens,
    /// The credential begins like an API key, but is not one.
    #[error("the API key is malformed or truncated")]
    KeyMalformed,
    /// No key has this id.
    #[error("the API key is not in the file")]
    KeyUnknown,
    /// A key has this id, and is not this one.
    #[error("the API key does not match the entry {0}")]
    KeyWrong(Arc<str>),
    /// The key has expired.
    #[error("the API key {0} has expired")]
    KeyExpired(Arc<str>),
    /// The token is longer than any token should be.
    #[error("the token is too long")]
    TokenTooLong,
    /// The token is not a signed one in JWS's compact form.
    #[error("the {0} of the token is malformed")]
    TokenMalformed(&'static str),
    /// The token's `typ` says that it is made for something else.
    #[error("the type of the token is neither JWT nor at+jwt")]
    TokenType,
    /// None of the keys that were tried made the signature, and not all were tried.
    #[error(
        "the signature of the token matches none of the first 16 keys of its algorithm; the token \
         needs a `kid`"
    )]
    TokenKeys,
    /// No key in the set has the token's `kid`.
    #[error("the token is signed with a key that is not in the key set")]
    TokenKey,
    /// The token's `alg` is not the key's.
    #[error("the token is signed with another algorithm than that of its key")]
    TokenAlgorithm,
    /// The key did not make this signature.
    #[error("the signature of the token is not valid")]
    TokenSignature,
    /// There is no `exp`.
    #[error("the token has no expiry time (`exp`)")]
    TokenEternal,
    /// The `exp` is over.
    #[error("the token has expired")]
    TokenExpired,
    /// The `nbf` is not there yet.
    #[error("the token is not valid yet")]
    TokenEarly,
    /// The `iss` is missing or somebody else.
    #[error("the token is from another issuer")]
    TokenIssuer,
    /// The `aud` is missing or somebody else.
    #[error("the token is for another audience")]
    TokenAudience,
    /// The `sub` is missing, or no name of a principal.
    #[error("the token has no subject (`sub`)")]
    TokenSubject,
}

impl Rejection {
    /// The status to answer with (RFC 6750, section 3.1; RFC 6585, section 4).
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Missing | Self::Invalid(_) => StatusCode::UNAUTHORIZED,
            Self::Ambiguous => StatusCode::BAD_REQUEST,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// The header that belongs to the status: `www-authenticate` or `retry-after`.
    pub fn header(&self) -> (HeaderName, HeaderValue) {
        let challenge = match self {
            Self::Missing => r#"Bearer realm="pilotlight""#,
            Self::Ambiguous => r#"Bearer realm="pilotlight", error="invalid_request""#,
            Self::Invalid(_) => r#"Bearer realm="pilotlight", error="invalid_token""#,
            Self::TooMany { retry_after, .. } => {
                return (RETRY_AFTER, seconds(*retry_after).into());
            }
        };
        (WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    /// Message for the caller. It does not tell which part of a credential is wrong.
    pub fn message(&self) -> &'static str {
        match self {
            Self::Missing => "authentication is required; send `authorization: Bearer KEY`",
            Self::Ambiguous => "the request has more than one credential; send one",
            Self::Invalid(_) => "the credential is not valid",
            Self::TooMany { .. } => "too many requests; try again later",
        }
    }

    /// Message for the log. It contains no secret, and of the request only the name of an
    /// authenticated principal.
    pub fn reason(&self) -> String {
        match self {
            Self::Missing => "no credential".to_owned(),
            Self::Ambiguous => "several credentials".to_owned(),
            Self::Invalid(reason) => reason.to_string(),
            Self::TooMany { principal, .. } => format!("{principal} exceeds its rate limit"),
        }
    }
}

/// Whole seconds, after which the time is over.
fn seconds(time: Duration) -> u64 {
    let begun = time.subsec_nanos() > 0;
    time.as_secs().saturating_add(begun.into()).max(1)
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for Rejection {}
