use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, InvalidValue};
use crate::key_file::ApiKeys;
use crate::rate::Rate;
use crate::token::Tokens;

/// Authentication of callers and their rate limits.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[schemars(rename = "Auth")]
pub struct AuthOptions {
    /// File with API keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_keys: Option<PathBuf>,
    /// File with the JSON Web Key Set of a token issuer; it needs `issuer` and `audience`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<PathBuf>,
    /// Required `iss` claim of tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Required `aud` claim of tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// Requests per second for each caller, 0.001 to 1000000 [default: no limit]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Requests that a caller can send at once [default: as many as in a second at `rate`]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
}

impl AuthOptions {
    /// Checks that the options fit together, without reading files.
    ///
    /// # Errors
    /// The first [`InvalidValue`]; its place is the option.
    pub fn check(&self) -> Result<(), InvalidValue> {
        self.checked().map(drop)
    }

    /// Whether callers need credentials.
    pub fn identifies(&self) -> bool {
        self.api_keys.is_some() || self.jwks.is_some()
    }

    /// The rate, and the issuer of tokens.
    fn checked(&self) -> Result<(Option<Rate>, Option<Issuer<'_>>), InvalidValue> {
        let rate = Rate::of(self.rate, self.burst)?;
        let issuer = match (&self.jwks, &self.issuer, &self.audience) {
            (Some(jwks), Some(name), Some(audience)) => Some(Issuer { jwks, name, audience }),
            // Any token of the issuer, for whatever service, would do otherwise.
            (Some(_), None, _) => return Err(needed("issuer", "iss")),
            (Some(_), _, None) => return Err(needed("audience", "aud")),
            (None, Some(_), _) => return Err(useless("issuer")),
            (None, _, Some(_)) => return Err(useless("audience")),
            (None, None, None) => None,
        };
        Ok((rate, issuer))
    }
}

/// Issuer of tokens.
struct Issuer<'a> {
    jwks: &'a Path,
    name: &'a str,
    audience: &'a str,
}

/// Authentication of callers and their rate limits. Without keys and tokens, callers need no
/// credentials.
#[derive(Debug, Default)]
pub struct Policy {
    /// Accepted API keys.
    pub keys: Option<ApiKeys>,
    /// Accepted tokens.
    pub tokens: Option<Tokens>,
    /// Rate limit of each principal.
    pub rate: Option<Rate>,
}

impl Policy {
    /// Reads the files that `options` name.
    ///
    /// # Errors
    /// [`Error::Invalid`] for options that do not go together, and what is wrong with the files.
    pub fn read(options: &AuthOptions) -> Result<Self, Error> {
        let (rate, issuer) = options.checked()?;
        let keys = options.api_keys.as_deref().map(ApiKeys::read_file).transpose()?;
        let read =
            |issuer: Issuer<'_>| Tokens::read_file(issuer.jwks, issuer.name, issuer.audience);
        let tokens = issuer.map(read).transpose()?;
        Ok(Self { keys, tokens, rate })
    }
}

fn needed(option: &str, claim: &str) -> InvalidValue {
    InvalidValue::new(
        option,
        format!("required with `jwks`; set it to the `{claim}` claim of the tokens"),
    )
}

fn useless(option: &str) -> InvalidValue {
    InvalidValue::new(option, "has no effect without `jwks`; set both or none")
}
