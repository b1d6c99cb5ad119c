//! JSON Web Tokens (RFC 7519), signed in JWS's compact form (RFC 7515), verified as RFC 8725 asks.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pilotlight_files::read_list;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, InvalidValue, MAX_LIST_BYTES};
use crate::jwk::{KeySet, present};
use crate::principal::Principal;
use crate::rejection::Reason;

/// No token is nearly as long.
const LONGEST: usize = 8 << 10;
/// As OpenID Connect has it.
const LONGEST_SUBJECT: usize = 255;
/// How many keys are tried for one token. Tokens without `kid` may be signed with any key of the
/// set, and anybody may send one.
const MOST_KEYS: usize = 16;
/// How many seconds the clock of an issuer may be wrong.
const SKEW: f64 = 30.0;

/// Tokens that let their bearer ask: signed by one issuer for one audience, with Ed25519, ES256 or
/// RS256.
#[derive(Debug)]
pub struct Tokens {
    keys: KeySet,
    issuer: Arc<str>,
    audience: String,
}

/// The members of a token's header that matter. Keys or addresses of keys that it brings along do
/// not.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    sub: Option<String>,
    aud: Option<Audience>,
    exp: Option<f64>,
    nbf: Option<f64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Tokens {
    /// Reads a JSON Web Key Set from a file that its owner alone can write to.
    ///
    /// # Errors
    /// [`Error::Writable`], [`Error::TooLong`], [`Error::Io`], and [`Error::In`] for an invalid value.
    pub fn read_file(path: &Path, issuer: &str, audience: &str) -> Result<Self, Error> {
        let text = read_list(path, MAX_LIST_BYTES).map_err(Error::of_list(path))?;
        Self::parse(&text, issuer, audience)
            .map_err(|invalid| Error::In { path: path.to_owned(), invalid })
    }

    /// Tokens signed with the keys of `jwks`, a JSON Web Key Set (RFC 7517), whose `iss` is
    /// `issuer` and whose `aud` is or contains `audience`. Keys that cannot be used are
    /// [skipped](Self::skipped); without a usable key, every token is refused.
    ///
    /// # Errors
    /// A [`InvalidValue`]: text that is no key set.
    pub fn parse(jwks: &str, issuer: &str, audience: &str) -> Result<Self, InvalidValue> {
        Ok(Self {
            keys: KeySet::parse(jwks)?,
            issuer: issuer.into(),
            audience: audience.to_owned(),
        })
    }

    /// Keys of the set that are skipped, with the reason; the place of each is that of the key,
    /// such as `keys[2]`. Unsupported, malformed, weak and private keys are skipped, and keys for
    /// other purposes than signatures (RFC 7517, section 5).
    pub fn skipped(&self) -> &[InvalidValue] {
        &self.keys.skipped
    }

    /// Whether the set has no key that can be used, so that every token is refused.
    pub fn refuse_all(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whom a token names.
    pub(crate) fn identify(&self, token: &[u8], now: SystemTime) -> Result<Principal, Reason> {
        if token.len() > LONGEST {
            return Err(Reason::TokenTooLong);
        }
        let (message, signature) =
            split_at_last_dot(token).ok_or(Reason::TokenMalformed("form"))?;
        let (header, claims) = split_at_last_dot(message).ok_or(Reason::TokenMalformed("form"))?;
        let header = object(header, "header")?;
        let signature = URL_SAFE_NO_PAD.decode(signature);
        let signature = signature.map_err(|_| Reason::TokenMalformed("signature"))?;
        self.verify(&header, message, &signature)?;
        self.principal(object(claims, "claims")?, now)
    }

    fn verify(&self, header: &Header, message: &[u8], signature: &[u8]) -> Result<(), Reason> {
        // An extension that must be understood, and none is (RFC 7515, section 4.1.11).
        if header.crit {
            return Err(Reason::TokenMalformed("header"));
        }
        if !header.typ.as_deref().is_none_or(is_access_token) {
            return Err(Reason::TokenType);
        }
        let mut candidates = self.keys.candidates(header.kid.as_deref()).peekable();
        candidates.peek().ok_or(Reason::TokenKey)?;
        let mut candidates = candidates.filter(|key| key.goes_with(&header.alg)).peekable();
        candidates.peek().ok_or(Reason::TokenAlgorithm)?;
        if candidates.by_ref().take(MOST_KEYS).any(|key| key.verifies(message, signature)) {
            return Ok(());
        }
        Err(if candidates.peek().is_some() { Reason::TokenKeys } else { Reason::TokenSignature })
    }

    fn principal(&self, claims: Claims, now: SystemTime) -> Result<Principal, Reason> {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        if claims.exp.ok_or(Reason::TokenEternal)? + SKEW <= now {
            return Err(Reason::TokenExpired);
        }
        if claims.nbf.is_some_and(|begin| begin - SKEW > now) {
            return Err(Reason::TokenEarly);
        }
        if claims.iss.as_deref() != Some(&*self.issuer) {
            return Err(Reason::TokenIssuer);
        }
        let meant = match claims.aud.ok_or(Reason::TokenAudience)? {
            Audience::One(audience) => audience == self.audience,
            Audience::Several(audiences) => audiences.contains(&self.audience),
        };
        if !meant {
            return Err(Reason::TokenAudience);
        }
        let subject = claims.sub.filter(|sub| (1..=LONGEST_SUBJECT).contains(&sub.len()));
        let subject = subject.ok_or(Reason::TokenSubject)?.into();
        Ok(Principal::Subject { issuer: self.issuer.clone(), subject })
    }
}

/// Whether a token's `typ` is that of an access token (RFC 7519, section 5.1; RFC 9068); issuers
/// sign other things, too, with the same keys.
fn is_access_token(typ: &str) -> bool {
    let typ = typ.to_ascii_lowercase();
    matches!(typ.strip_prefix("application/").unwrap_or(&typ), "jwt" | "at+jwt")
}

fn split_at_last_dot(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let dot = bytes.iter().rposition(|byte| *byte == b'.')?;
    Some((&bytes[..dot], &bytes[dot + 1..]))
}

/// A JSON object in base64url. That a member is there twice is an error.
fn object<T: DeserializeOwned>(part: &[u8], name: &'static str) -> Result<T, Reason> {
    let json = URL_SAFE_NO_PAD.decode(part).ok();
    let json = json.filter(|json| json.trim_ascii_start().starts_with(b"{"));
    let object = json.and_then(|json| serde_json::from_slice(&json).ok());
    object.ok_or(Reason::TokenMalformed(name))
}
