//! What a function says of requests that can be answered in parts.

use serde::{Deserialize, Serialize};

/// How requests to a path can be split and answered in parts. Keys of inner objects are separated
/// by dots.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// The path.
    pub path: String,
    /// Key of the request's list of texts.
    pub texts: String,
    /// Key of the answer's list, with an answer for each text; empty if that is all of the answer.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub answers: String,
    /// Key of each answer that says which text it is about, counted from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    /// Key of each answer by which they are sorted, largest first; in the order of the texts without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sorted_by: Option<String>,
    /// Keys of the request any of which says how many answers there may be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<String>,
    /// Keys of the answer's counts, which are added up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sums: Vec<String>,
}
