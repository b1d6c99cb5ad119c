use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value_schema::{header_names, methods, origins, period};

/// Web pages of other origins that can send requests (CORS). In each list `["*"]` allows
/// everything; it is an error with `allow-credentials`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Cors {
    /// Allowed origins, such as `https://app.example`.
    #[schemars(schema_with = "origins")]
    pub allow_origins: Vec<String>,
    /// Allowed methods.
    #[serde(default = "default_methods")]
    #[schemars(schema_with = "methods")]
    pub allow_methods: Vec<String>,
    /// Allowed request headers, in addition to those that CORS always allows.
    #[serde(default = "default_allowed")]
    #[schemars(schema_with = "header_names")]
    pub allow_headers: Vec<String>,
    /// Response headers that pages can read, in addition to those that CORS always exposes.
    #[serde(default = "default_exposed")]
    #[schemars(schema_with = "header_names")]
    pub expose_headers: Vec<String>,
    /// Time for which browsers can cache the answer to a preflight request [default: 5s, the
    /// default of browsers]
    #[serde(default, with = "super::optional_period", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "period", extend("x-longest" = "24h"))]
    pub max_age: Option<Duration>,
    /// Let browsers send cookies and other credentials on their own. API keys and tokens that a
    /// page sends itself do not need this.
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
