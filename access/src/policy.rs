use std::path::PathBuf;

use crate::error::{Error, Mistake};
use crate::key_file::ApiKeys;
use crate::rate::Rate;
use crate::token::Tokens;

/// Who may ask, and how much, as a configuration says it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// A file of API keys ([`ApiKeys`]).
    pub api_keys: Option<PathBuf>,
    /// A JSON Web Key Set of an issuer of tokens; it needs `issuer` and `audience`.
    pub jwks: Option<PathBuf>,
    /// The `iss` of tokens.
    pub issuer: Option<String>,
    /// The `aud` of tokens.
    pub audience: Option<String>,
    /// Requests per second and caller; unlimited otherwise.
    pub rate: Option<f64>,
    /// Requests at once and caller; as many as in a second otherwise.
    pub burst: Option<u32>,
}

/// Who may ask, and how much. Without keys and tokens it is everybody.
#[derive(Debug, Default)]
pub struct Policy {
    /// API keys that may ask.
    pub keys: Option<ApiKeys>,
    /// Tokens that may ask.
    pub tokens: Option<Tokens>,
    /// How much each caller may ask.
    pub rate: Option<Rate>,
}

impl Policy {
    /// Reads the files that `options` name.
    ///
    /// # Errors
    /// [`Error::Invalid`] for options that do not go together, and what is wrong with the files.
    pub fn read(options: &Options) -> Result<Self, Error> {
        let rate = Rate::of(options.rate, options.burst)?;
        let keys = options.api_keys.as_deref().map(ApiKeys::read_file).transpose()?;
        let tokens = match (&options.jwks, &options.issuer, &options.audience) {
            (Some(jwks), Some(issuer), Some(audience)) => {
                Some(Tokens::read_file(jwks, issuer, audience)?)
            }
            // Any token of the issuer, for whatever service, would do otherwise.
            (Some(_), None, _) => return Err(needed("issuer", "iss")),
            (Some(_), _, None) => return Err(needed("audience", "aud")),
            (None, Some(_), _) => return Err(useless("issuer")),
            (None, _, Some(_)) => return Err(useless("audience")),
            (None, None, None) => None,
        };
        Ok(Self { keys, tokens, rate })
    }
}

fn needed(option: &str, claim: &str) -> Error {
    Mistake::new(option, format!("needed with `jwks`; write the `{claim}` that tokens have")).into()
}

fn useless(option: &str) -> Error {
    Mistake::new(option, "means nothing without `jwks`; write both or none").into()
}
