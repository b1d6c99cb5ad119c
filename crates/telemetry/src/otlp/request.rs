use std::time::SystemTime;

use http::Method;

use crate::outcome::RequestOutcome;

/// A request that has been answered, as its spans tell of it. There is no place for what was asked
/// and answered, nor for the query, which may be a part of it.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestSpan {
    /// When it came.
    pub began: SystemTime,
    /// Method.
    pub method: Method,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Path, without the query.
    pub path: String,
    /// The rule's name, or its pattern of paths.
    pub route: Option<String>,
    /// The function that it came to.
    pub function: Option<String>,
    /// The short digest of the version.
    pub version: Option<String>,
    /// Result of the request.
    pub observation: RequestOutcome,
}
