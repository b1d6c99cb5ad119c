//! vLLM's endpoints for models that do not generate text: `/classify`, `/score` and `/pooling`.
//! Used by `dialects`. Does not know how tasks are computed.

mod classify;
#[cfg(feature = "schema")]
mod describe;
mod pooling;
mod score;

use serde::{Deserialize, Serialize};

use super::output::id;
use super::route::{Answer, Call, Route};
use crate::api::ApiError;
use crate::model::TextModel;
use crate::tasks::encode::{Side, Truncate};

#[cfg(feature = "schema")]
pub(super) use self::describe::describe;

pub(super) const ROUTES: &[Route] = &[
    Route::post("/classify", classify::REQUIRES, classify::answer),
    Route::post("/score", score::REQUIRES, score::answer),
    Route::post("/v1/score", score::REQUIRES, score::answer),
    Route::post("/pooling", pooling::REQUIRES, pooling::answer),
];

/// Keys of all requests. Texts that are too long are refused unless the request says otherwise.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(transform = crate::tasks::schema::alias("use_activation", "activation, softmax"))
)]
#[serde(default)]
struct Settings {
    /// Pilotlight's own: whether texts that are too long are shortened.
    truncate: bool,
    /// Tokens that are kept of a text, special ones included; -1 for as many as the model reads.
    truncate_prompt_tokens: Option<i64>,
    /// Which end is left out.
    truncation_side: Side,
    /// False: the model's outputs as they are.
    #[serde(alias = "activation", alias = "softmax")]
    use_activation: Option<bool>,
}

impl Settings {
    fn raw(&self) -> bool {
        self.use_activation == Some(false)
    }

    /// # Errors
    /// As [`truncation`].
    fn truncate(&self, model: &TextModel) -> Result<Truncate, ApiError> {
        truncation(model, self.truncate_prompt_tokens, (self.truncate, self.truncation_side))
    }
}

/// What becomes of texts that are too long, or longer than the tokens that are to be kept: special ones
/// included, and the first ones unless the side says otherwise, as vLLM's models for pooling do. -1 stands for
/// as many as the model reads.
///
/// # Errors
/// [`ApiError::InvalidKey`] for no more tokens than special ones.
pub(super) fn truncation(
    model: &TextModel,
    kept: Option<i64>,
    (truncate, side): (bool, Side),
) -> Result<Truncate, ApiError> {
    let truncate = Truncate::new(truncate || kept.is_some(), side);
    let Some(kept) = kept.filter(|kept| *kept != -1) else { return Ok(truncate) };
    let least = model.special_tokens() + 1;
    match usize::try_from(kept) {
        Ok(kept) if kept >= least => Ok(truncate.keeping(kept)),
        _ => {
            let message = format!("truncate_prompt_tokens must be -1 or at least {least}");
            Err(ApiError::of_key("truncate_prompt_tokens", message))
        }
    }
}

/// The answer to any request. When it was made is not told; clients want a number.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
struct List<'a, T> {
    id: String,
    object: &'static str,
    created: u32,
    model: &'a str,
    data: Vec<T>,
    usage: UsageInfo,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct UsageInfo {
    prompt_tokens: usize,
    total_tokens: usize,
    completion_tokens: usize,
    prompt_tokens_details: Option<()>,
}

fn list<T: Serialize>(call: &Call<'_>, prefix: &str, data: Vec<T>) -> Result<Answer, ApiError> {
    let tokens = call.usage.tokens;
    Answer::json(&List {
        id: id(prefix, call.body),
        object: "list",
        created: 0,
        model: call.function.name(),
        data,
        usage: UsageInfo {
            prompt_tokens: tokens,
            total_tokens: tokens,
            completion_tokens: 0,
            prompt_tokens_details: None,
        },
    })
}
