use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, InvalidValue};
use crate::key_file::ApiKeys;
use crate::rate::Rate;
use crate::token::Tokens;

/// Who may ask, and how much, as a configuration says it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[schemars(rename = "Auth")]
pub struct AuthOptions {
    /// File of API keys that may ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_keys: Option<PathBuf>,
    /// File with the JSON Web Key Set of an issuer, whose tokens may ask; it needs `issuer` and
    /// `audience`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<PathBuf>,
    /// The `iss` of tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The `aud` of tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// Requests per second and principal; unlimited otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Requests at once and principal; as many as in a second otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
}

impl AuthOptions {
    /// Looks for what does not go together, in the options alone.
    ///
    /// # Errors
    /// The first [`InvalidValue`]; its place is the option.
    pub fn check(&self) -> Result<(), InvalidValue> {
        self.checked().map(drop)
    }

    /// Whether who asks has to show who he is; without, it is everybody.
    pub fn identifies(&self) -> bool {
        self.api_keys.is_some() || self.jwks.is_some()
    }

    /// The rate, and where tokens are from.
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

/// Who signs tokens.
struct Issuer<'a> {
    jwks: &'a Path,
    name: &'a str,
    audience: &'a str,
}

/// Who may ask, and how much. Without keys and tokens it is everybody.
#[derive(Debug, Default)]
pub struct Policy {
    /// API keys that may ask.
    pub keys: Option<ApiKeys>,
    /// Tokens that may ask.
    pub tokens: Option<Tokens>,
    /// How much each principal may ask.
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
    InvalidValue::new(option, format!("needed with `jwks`; write the `{claim}` that tokens have"))
}

fn useless(option: &str) -> InvalidValue {
    InvalidValue::new(option, "means nothing without `jwks`; write both or none")
}
