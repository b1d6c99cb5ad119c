use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::target::Target;

mod period;
mod to;

/// One route: which requests it is for, and where they go. The first that matches is taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// What it is called in metrics and by `pilotlight routes`; its place in the list, counted
    /// from 0, otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// All that a request has to be; everything, if nothing is given.
    #[serde(default, rename = "match")]
    pub matches: Match,
    /// Where its requests go: one target, or several with weights.
    #[serde(deserialize_with = "to::deserialize")]
    #[schemars(schema_with = "to::schema")]
    pub to: Vec<WeightedTarget>,
    /// What keeps a user at the same target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sticky: Option<Sticky>,
    /// Requests that are also given to another target, whose answers are compared and dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Shadow>,
    /// A weight that moves by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Canary>,
    /// Authentication of callers: the name of an `[auth]` section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<String>,
    /// De-identification of answers: the name of a `[deidentify]` section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deidentify: Option<String>,
    /// What becomes of a text that its function could not check: nothing of it passes, unless this says `open`.
    #[serde(default, skip_serializing_if = "Fail::is_closed")]
    pub fail: Fail,
}

/// What becomes of a text that could not be checked for personal data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fail {
    /// It does not pass: the request is answered with an error.
    #[default]
    Closed,
    /// It passes as if nothing had been found in it; the answer says so, and it is counted.
    Open,
}

impl Fail {
    fn is_closed(&self) -> bool {
        *self == Self::Closed
    }
}

impl Route {
    /// Everything goes to `target`.
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

    /// Every target that it names.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        let shadow = self.shadow.as_ref().map(|shadow| &shadow.target);
        let canary = self.canary.as_ref().map(|canary| &canary.target);
        self.to.iter().map(|weighted| &weighted.target).chain(shadow).chain(canary)
    }
}

/// Conditions that all have to hold. A request whose body is no JSON, or that lacks a field, does
/// not match; of several values of a header or a parameter one is enough.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Match {
    /// The path, with or without a trailing slash, or every path that begins so if it ends with `*`.
    /// Paths are compared in their normal form: `/%61` is `/a`, and so are `//a` and `/./a`.
    pub path: Option<String>,
    /// Headers and their values; `*` is any value.
    pub header: BTreeMap<String, String>,
    /// Query parameters and their values, decoded; `*` is any value.
    pub query: BTreeMap<String, String>,
    /// Fields of a JSON body, by JSON pointer (RFC 6901), and their values: strings, numbers,
    /// booleans or null; `"*"` is any value. Bodies of up to 1 MiB are looked into; longer ones are
    /// answered 413.
    pub json: BTreeMap<String, serde_json::Value>,
    /// Networks that the client may be in: addresses, or prefixes such as `10.0.0.0/8`.
    pub client: Vec<String>,
}

/// A target and its share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightedTarget {
    /// The target.
    pub target: Target,
    /// Its share, in proportion to the weights of the others; they need not sum to one.
    #[serde(default = "one")]
    pub weight: f64,
}

/// Where the key that keeps a user at the same target is found. Requests without it are split
/// at random.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Sticky {
    /// In this header.
    Header(String),
    /// In this cookie.
    Cookie(String),
    /// In this query parameter.
    Query(String),
    /// In this field of a JSON body, by JSON pointer (RFC 6901): a string or an integer.
    Json(String),
}

/// Shadow traffic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shadow {
    /// Who is asked, too.
    pub target: Target,
    /// Share of the route's requests, 0 to 1.
    pub share: f64,
    /// Largest difference between numbers with a fraction that still counts as the same answer,
    /// relative to those above 1.
    #[serde(default = "thousandth")]
    pub tolerance: f64,
}

/// A weight that moves from step to step as long as the target does well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Canary {
    /// The target of the route whose weight moves; the other targets are the control, and share what it
    /// leaves by their weights.
    pub target: Target,
    /// Its shares of the route's requests, one after the other; with the last it stays.
    pub steps: Vec<Step>,
    /// Most failures (5xx) that it may have more than the control, as a share of requests, and
    /// beyond that what may be chance: three standard deviations.
    #[serde(default = "hundredth")]
    pub max_error_excess: f64,
    /// Most that its p99 latency may be, as a multiple of the control's; more than one request in
    /// a hundred has to be slower, by three standard deviations.
    #[serde(default = "one_and_a_half")]
    pub max_p99_ratio: f64,
    /// Requests that both must have answered in a step before they are compared.
    #[serde(default = "hundred")]
    pub min_requests: u64,
}

/// One step of a [`Canary`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Share of the route's requests, 0 to 1.
    pub share: f64,
    /// How long: a number and `ms`, `s`, `m` or `h`.
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

/// Above the noise of floating-point numbers, below what another model or precision changes.
fn thousandth() -> f64 {
    0.001
}

fn hundredth() -> f64 {
    0.01
}

fn hundred() -> u64 {
    100
}
