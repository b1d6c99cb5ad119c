//! What answers of several dialects have in common: counts of tokens, ids, and vectors.

use std::hash::{DefaultHasher, Hasher as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::api::ApiError;
use crate::engine::bytes_of;
use crate::json::Row;
use crate::model::Usage;

/// Tokens that the model read, as OpenAI's API counts them.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct TokenCount {
    prompt_tokens: usize,
    total_tokens: usize,
}

impl TokenCount {
    /// Those of a request that has been computed.
    pub(super) fn of(usage: &Usage) -> Self {
        Self { prompt_tokens: usage.tokens, total_tokens: usage.tokens }
    }
}

/// An id of the answer to a request. The same body has the same one: nothing here is random.
pub(super) fn id(prefix: &str, body: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(body);
    format!("{prefix}-{:016x}", hasher.finish())
}

/// How vectors are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(super) enum EncodingFormat {
    /// Lists of numbers.
    #[default]
    Float,
    /// Little-endian 32-bit floats in base64.
    Base64,
}

/// A vector in an answer.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(untagged)]
pub(super) enum Vector {
    /// `[0.1, …]`
    Floats(#[cfg_attr(feature = "schema", schemars(with = "Vec<f32>"))] Row<Vec<f32>>),
    /// `"zczMPQ…"`
    Base64(String),
}

impl EncodingFormat {
    /// A vector in this format.
    ///
    /// # Errors
    /// [`ApiError::Internal`] for a number that JSON does not have.
    pub(super) fn write(self, vector: Vec<f32>) -> Result<Vector, ApiError> {
        check_finite(&vector)?;
        Ok(match self {
            Self::Float => Vector::Floats(Row(vector)),
            Self::Base64 => Vector::Base64(base64(&vector)),
        })
    }
}

/// Refuses numbers that JSON does not have.
///
/// # Errors
/// [`ApiError::Internal`].
pub(super) fn check_finite(values: &[f32]) -> Result<(), ApiError> {
    match values.iter().all(|value| value.is_finite()) {
        true => Ok(()),
        false => Err(ApiError::Internal("the model's output is not finite".to_owned())),
    }
}

/// Little-endian 32-bit floats in base64.
pub(super) fn base64(values: &[f32]) -> String {
    STANDARD.encode(bytes_of(values))
}
