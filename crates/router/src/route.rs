//! Routes as they are configured.
//! Used by every module above it. Does not decide anything.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::target::Target;

mod period;
mod to;

/// Route: conditions for requests, and their targets. The first route that matches is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Name in metrics and in `pilotlight routes` [default: the position of the route, counted from
    /// 0]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Conditions that a request has to satisfy [default: none]
    #[serde(default, rename = "match")]
    pub matches: Match,
    /// Targets: one target, or several with weights.
    #[serde(deserialize_with = "to::deserialize")]
    #[schemars(schema_with = "to::schema")]
    pub to: Vec<WeightedTarget>,
    /// Key that keeps a user on the same target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sticky: Option<Sticky>,
    /// Shadow target: a share of the requests is also sent to it; its answers are compared and
    /// dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Shadow>,
    /// Target whose weight increases from step to step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Canary>,
    /// `[auth]` section that authenticates callers, instead of `default-auth`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<String>,
    /// `[deidentify]` section that de-identifies answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deidentify: Option<String>,
    /// Result for a text that the function could not check for personal data.
    #[serde(default, skip_serializing_if = "Fail::is_closed")]
    pub fail: Fail,
}

/// Result for a text that could not be checked for personal data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fail {
    /// The text does not pass: the request is answered with an error.
    #[default]
    Closed,
    /// The text passes as if it contained no entities; the answer has the header
    /// `x-pilotlight-unchecked`, and the text is counted.
    Open,
}

impl Fail {
    fn is_closed(&self) -> bool {
        *self == Self::Closed
    }
}

impl Route {
    /// Every request goes to `target`.
    #[must_use]
    pub fn to(target: Target) -> Self {
        Self {
            name: None,
            matches: Match::default(),
            to: vec![WeightedTarget { target, weight: 1.0 }],
            sticky: None,
            shadow: None,
            canary: None,
            auth: None,
            deidentify: None,
            fail: Fail::default(),
        }
    }

    /// Targets of the route, including those of its shadow and its canary.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        let shadow = self.shadow.as_ref().map(|shadow| &shadow.target);
        let canary = self.canary.as_ref().map(|canary| &canary.target);
        self.to.iter().map(|weighted| &weighted.target).chain(shadow).chain(canary)
    }
}

/// Conditions of a route; all of them have to hold. A request whose body is not JSON, or that lacks
/// a field, does not match. If a header or a parameter has several values, one of them has to
/// match.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Match {
    /// Path, with or without a trailing slash; `*` at the end matches any rest. Paths are compared
    /// in their normal form: `/%61` is `/a`, and so are `//a` and `/./a`.
    pub path: Option<String>,
    /// Headers and their values; `*` matches any value.
    pub header: BTreeMap<String, String>,
    /// Query parameters and their decoded values; `*` matches any value.
    pub query: BTreeMap<String, String>,
    /// Fields of a JSON body, by JSON Pointer (RFC 6901), and their values: strings, numbers,
    /// booleans or null; `"*"` matches any value. Bodies larger than 1 MiB are answered with 413.
    pub json: BTreeMap<String, serde_json::Value>,
    /// Addresses and networks of clients, such as `10.0.0.0/8`.
    pub client: Vec<String>,
}

/// Target with a weight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightedTarget {
    /// Function, or one of its versions.
    pub target: Target,
    /// Weight in proportion to the weights of the other targets; they do not have to sum to one.
    #[serde(default = "one")]
    pub weight: f64,
}

/// Source of the key that keeps a user on the same target. Requests without the key are split at
/// random.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Sticky {
    /// Request header.
    Header(String),
    /// Cookie.
    Cookie(String),
    /// Query parameter.
    Query(String),
    /// String or integer in a JSON body, by JSON Pointer (RFC 6901).
    Json(String),
}

/// Shadow traffic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shadow {
    /// Target that also gets the requests.
    pub target: Target,
    /// Share of the route's requests, 0 to 1.
    pub share: f64,
    /// Maximum difference between non-integer numbers of equal answers, relative for numbers above
    /// 1.
    #[serde(default = "thousandth")]
    pub tolerance: f64,
}

/// Target whose weight increases from step to step while it does not perform worse than the other
/// targets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Canary {
    /// Target whose weight increases; it is one of the targets in `to`. The other targets are the
    /// control, and share the rest by their weights.
    pub target: Target,
    /// Shares of the requests and their durations, in order; the share of the last step stays.
    pub steps: Vec<Step>,
    /// Maximum excess of the canary's failures (5xx) over those of the control, as a share of
    /// requests. The canary is rolled back if it exceeds this by more than chance: three standard
    /// deviations.
    #[serde(default = "hundredth")]
    pub max_error_excess: f64,
    /// Maximum p99 latency of the canary, as a multiple of the control's. The canary is rolled back
    /// if more than one request in a hundred is slower by more than chance: three standard
    /// deviations.
    #[serde(default = "one_and_a_half")]
    pub max_p99_ratio: f64,
    /// Requests that both sides need in a step before they are compared.
    #[serde(default = "hundred")]
    pub min_requests: u64,
}

/// Step of a [`Canary`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Share of the route's requests, 0 to 1.
    pub share: f64,
    /// Duration: a number and `ms`, `s`, `m` or `h`.
    #[serde(rename = "for", with = "period")]
    #[schemars(with = "String", regex(pattern = r"^[0-9]+(ms|s|m|h)$"))]
    pub lasts: Duration,
}

fn one() -> f64 {
    1.0
}

fn one_and_a_half() -> f64 {
    1.5
}

/// Above the noise of floating-point numbers, below the effect of another model or precision.
fn thousandth() -> f64 {
    0.001
}

fn hundredth() -> f64 {
    0.01
}

fn hundred() -> u64 {
    100
}
