//! OpenAI's API: `/v1/embeddings`, `/v1/models`, `/v1/moderations` for text classifiers, and `/v1/audio/transcriptions`
//! for speech models.
//! Used by `dialects`. Does not know how tasks are computed.

#[cfg(feature = "schema")]
mod describe;
mod moderations;
mod transcriptions;

use pilotlight_model::Task;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::input::Texts;
use super::object::positive;
use super::output::{EncodingFormat, TokenCount, Vector};
use super::route::{Answer, Call, Requires, Route};
use super::vllm::truncation;
use crate::api::ApiError;
use crate::function::Function;
use crate::tasks::embeddings::{Parameters, embed};
use crate::tasks::encode::Side;
use crate::tasks::request::check_count;

#[cfg(feature = "schema")]
pub(super) use self::describe::describe;

pub(super) const ROUTES: &[Route] = &[
    Route::post("/v1/embeddings", Requires::Task(Task::SentenceEmbeddings), embeddings),
    Route::post("/v1/moderations", Requires::Task(Task::TextClassification), moderations::answer),
    Route {
        reads: &["multipart/form-data"],
        ..Route::post(
            "/v1/audio/transcriptions",
            Requires::Task(Task::AutomaticSpeechRecognition),
            transcriptions::answer,
        )
    },
    Route::get("/v1/models", Requires::Nothing, models),
    Route::get("/v1/models/{id...}", Requires::Nothing, model),
];

/// `POST /v1/embeddings`. Any `model` is taken for ours, which the answer names.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct EmbeddingsRequest {
    /// Texts, or their token ids in the model's own vocabulary.
    input: Texts,
    #[serde(default)]
    encoding_format: EncodingFormat,
    /// Only so many of the first values of each vector.
    #[serde(default, deserialize_with = "positive")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    dimensions: Option<usize>,
    /// Pilotlight's own: whether the ends of texts that are too long are left out; they are refused
    /// unless it says so.
    #[serde(default)]
    truncate: bool,
    /// vLLM's: tokens that are kept of a text, special ones included; -1 for as many as the model reads.
    #[serde(default)]
    truncate_prompt_tokens: Option<i64>,
    /// Which end is left out.
    #[serde(default)]
    truncation_side: Side,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Embeddings<'a> {
    object: &'static str,
    data: Vec<Embedding>,
    model: &'a str,
    usage: TokenCount,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Embedding {
    object: &'static str,
    index: usize,
    embedding: Vector,
}

fn embeddings(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    let request: EmbeddingsRequest = call.read()?;
    let EmbeddingsRequest { input, encoding_format, dimensions, .. } = request;
    let model = call.text()?;
    let how = (request.truncate, request.truncation_side);
    check_count("input", input.0.len(), model.manifest.limits.max_inputs)?;
    let parameters = Parameters {
        // OpenAI's vectors always have length 1, and clients rely on it.
        normalize: Some(true),
        dimensions,
        truncate: truncation(model, request.truncate_prompt_tokens, how)?,
        ..Parameters::default()
    };
    let texts = input.strings(model).map_err(|error| error.about("input"))?;
    let vectors = embed(model, &texts, &parameters, call.usage);
    let vectors = vectors.map_err(|error| error.about("input"))?;
    let data = vectors.into_iter().enumerate().map(|(index, vector)| {
        let embedding = encoding_format.write(vector)?;
        Ok(Embedding { object: "embedding", index, embedding })
    });
    Answer::json(&Embeddings {
        object: "list",
        data: data.collect::<Result<_, ApiError>>()?,
        model: call.function.name(),
        usage: TokenCount::of(call.usage),
    })
}

fn models(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    Answer::json(&json!({"object": "list", "data": [model_object(call.function)]}))
}

fn model(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    match call.parameter() {
        name if name == call.function.name() => Answer::json(&model_object(call.function)),
        other => Err(ApiError::UnknownModel(other.to_owned())),
    }
}

/// A model as OpenAI describes it. When it was made is not known; clients want a number.
fn model_object(function: &Function) -> Value {
    json!({
        "id": function.name(),
        "object": "model",
        "created": 0,
        "owned_by": "pilotlight",
        "task": function.task(),
    })
}
