use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value_schema::{header_names, methods, origins, period};

/// Which web pages of other origins may send requests to the functions (CORS). In each list `["*"]`
/// is everything, which is not possible with credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Cors {
    /// Origins of the pages, such as `https://app.example`.
    #[schemars(schema_with = "origins")]
    pub allow_origins: Vec<String>,
    /// Methods that they may use.
    #[serde(default = "default_methods")]
    #[schemars(schema_with = "methods")]
    pub allow_methods: Vec<String>,
    /// Headers that they may send, besides those that are always allowed.
    #[serde(default = "default_allowed")]
    #[schemars(schema_with = "header_names")]
    pub allow_headers: Vec<String>,
    /// Headers of answers that they may read, besides those that they always may.
    #[serde(default = "default_exposed")]
    #[schemars(schema_with = "header_names")]
    pub expose_headers: Vec<String>,
    /// How long browsers may remember the answer to a preflight request; five seconds if nothing is
    /// said.
    #[serde(default, with = "super::optional_period", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "period", extend("x-longest" = "24h"))]
    pub max_age: Option<Duration>,
    /// Whether browsers may send cookies and other credentials of their own accord. API keys and
    /// tokens that a page sends itself do not need this.
    #[serde(default)]
    pub allow_credentials: bool,
}

fn list(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn default_methods() -> Vec<String> {
    list(&["GET", "HEAD", "POST"])
}

fn default_allowed() -> Vec<String> {
    list(&["authorization", "content-type", "x-api-key", "x-request-id"])
}

fn default_exposed() -> Vec<String> {
    list(&["retry-after", "x-request-id"])
}
