//! Texts as tokens, and tokens as texts.

use serde::{Deserialize, Serialize};

use crate::api::ApiError;
use crate::dialects::input::{Text, Texts};
use crate::dialects::route::{Answer, Call};
use crate::tasks::embeddings::{self, Parameters};
use crate::tasks::request::{OneOrMany, check_count};
use crate::text::Piece;

/// `POST /tokenize`.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "TokenizeRequest"))]
pub(super) struct Tokenize {
    inputs: OneOrMany<String>,
    add_special_tokens: Option<bool>,
    prompt_name: Option<String>,
}

/// `POST /decode`.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "DecodeRequest"))]
pub(super) struct Decode {
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::dialects::schema::ids"))]
    ids: Texts,
    skip_special_tokens: Option<bool>,
}

/// A token of `/tokenize`; its place in bytes of the prompt and the text behind it, in UTF-8.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct SimpleToken {
    id: u32,
    text: String,
    special: bool,
    start: Option<usize>,
    stop: Option<usize>,
}

impl From<Piece> for SimpleToken {
    fn from(Piece { id, text, range }: Piece) -> Self {
        let (start, stop) = (range.as_ref().map(|range| range.start), range.map(|range| range.end));
        Self { id, text, special: start.is_none(), start, stop }
    }
}

/// Tokens of texts, never truncated: `[texts, tokens]`.
pub(super) fn tokenize(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    let model = call.text()?;
    let Tokenize { inputs, add_special_tokens, prompt_name } = call.read()?;
    let parameters = Parameters { prompt_name, ..Parameters::default() };
    let prompt = embeddings::prompt(model, &parameters)?;
    let special = add_special_tokens.unwrap_or(true);
    let texts = inputs.items(model.manifest.limits.max_inputs)?.iter();
    let tokens = texts.map(|text| {
        let pieces = model.pieces(&format!("{prompt}{text}"), special, call.usage)?;
        Ok(pieces.into_iter().map(SimpleToken::from).collect())
    });
    Answer::json(&tokens.collect::<Result<Vec<Vec<_>>, ApiError>>()?)
}

/// What token ids spell: a list of texts, even of one.
pub(super) fn decode(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    let model = call.text()?;
    let Decode { ids, skip_special_tokens } = call.read()?;
    check_count("ids", ids.0.len(), model.manifest.limits.max_inputs)?;
    let skip_special = skip_special_tokens.unwrap_or(true);
    let texts = ids.0.iter().map(|ids| match ids {
        Text::Ids(ids) => model.spell(ids, skip_special),
        Text::Text(_) => Err(ApiError::of_key("ids", "ids has a string; send token ids")),
    });
    Answer::json(&texts.collect::<Result<Vec<_>, _>>()?)
}
