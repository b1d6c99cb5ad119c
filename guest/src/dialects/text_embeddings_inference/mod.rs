//! Hugging Face's text-embeddings-inference, as its version 1.9 answers. Its errors are written by
//! [`Dialect`](pilotlight_wire::Dialect); where 1.9 refuses too many or too long texts with 422, as its
//! code does, Pilotlight answers 413, as its OpenAPI document has it.

#[cfg(feature = "schema")]
mod describe;
mod tokens;

use bytes::Bytes;
use pilotlight_model::Task;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::gliner;
use super::input::{Text, Texts};
use super::object::{Object, positive, read};
use super::route::{Answer, Call, Requires, Route};
use crate::api::ApiError;
use crate::json::Row;
use crate::model::{TextModel, Usage};
use crate::tasks::embeddings::{self, Parameters, SimilarityInputs};
use crate::tasks::encode::{Side, Truncate};
use crate::tasks::request::{OneOrMany, Request, TextOrPair, check_count};
use crate::tasks::reranking;
use crate::tasks::text_classification::{self, Function, labels};

#[cfg(feature = "schema")]
pub(super) use self::describe::describe;

pub(super) const ROUTES: &[Route] = &[
    Route::post("/embed", Requires::TextFor(&[Task::SentenceEmbeddings]), embed),
    Route::post("/embed_all", Requires::TextFor(&[Task::FeatureExtraction]), embed_all),
    Route::post("/embed_sparse", Requires::TextFor(&[]), embed_sparse),
    Route::post("/predict", Requires::TextFor(&[Task::TextClassification]), predict),
    Route::post("/similarity", Requires::TextFor(&[Task::SentenceEmbeddings]), similarity),
    Route::post("/tokenize", Requires::Text, tokens::tokenize),
    Route::post("/decode", Requires::Text, tokens::decode),
    Route::get("/health", Requires::Nothing, health),
];

/// `POST /embed`, and `/embed_all`, which has no `normalize` and `dimensions`.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "EmbedRequest"))]
struct Embed {
    #[cfg_attr(feature = "schema", schemars(schema_with = "super::schema::filled_texts"))]
    inputs: Texts,
    truncate: Option<bool>,
    #[serde(default)]
    truncation_direction: Side,
    prompt_name: Option<String>,
    normalize: Option<bool>,
    #[serde(default, deserialize_with = "positive")]
    dimensions: Option<usize>,
}

/// `POST /predict`.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "PredictRequest"))]
struct Predict {
    inputs: TextsOrPairs,
    truncate: Option<bool>,
    #[serde(default)]
    truncation_direction: Side,
    raw_scores: Option<bool>,
}

/// `POST /rerank`.
#[derive(Debug, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "RerankTextsRequest")
)]
pub(super) struct Rerank {
    query: String,
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    texts: Vec<String>,
    truncate: Option<bool>,
    #[serde(default)]
    truncation_direction: Side,
    raw_scores: Option<bool>,
    return_text: Option<bool>,
}

/// `POST /similarity`.
#[derive(Debug, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "SimilarityRequest")
)]
struct Similarity {
    inputs: Sentences,
    #[serde(default)]
    parameters: SimilarityParameters,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Sentences {
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    source_sentence: String,
    #[cfg_attr(feature = "schema", schemars(length(min = 1), inner(length(min = 1))))]
    sentences: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct SimilarityParameters {
    truncate: Option<bool>,
    #[serde(default)]
    truncation_direction: Side,
    prompt_name: Option<String>,
}

/// Vectors of texts: `[texts, columns]`.
fn embed(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    let model = embedding_model(call)?;
    let (texts, parameters) = read_embed(model, call.read()?)?;
    let vectors = embeddings::embed(model, &texts.strings, &parameters, call.usage)?;
    let vectors: Vec<_> = vectors.into_iter().map(Row).collect();
    computed(call, texts.characters, Answer::json(&vectors)?)
}

/// Vectors of all tokens, special ones included: `[texts, tokens, columns]`.
fn embed_all(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    let model = embedding_model(call)?;
    if model.token_output().is_none() {
        let message = "Backend error: the model has no vectors of tokens; use /embed";
        return Err(ApiError::Unsupported(message.to_owned()));
    }
    let (texts, parameters) = read_embed(model, call.read()?)?;
    let prompt = embeddings::prompt(model, &parameters)?;
    let behind_prompt: Vec<String> =
        texts.strings.iter().map(|text| format!("{prompt}{text}")).collect();
    let outputs =
        embeddings::token_vectors(model, &behind_prompt, parameters.truncate, call.usage)?;
    let vectors: Vec<Vec<_>> =
        outputs.iter().map(|output| output.rows().map(Row).collect()).collect();
    computed(call, texts.characters, Answer::json(&vectors)?)
}

fn embed_sparse(_: &mut Call<'_>) -> Result<Answer, ApiError> {
    let message = "Backend error: Model is not an embedding model with SPLADE pooling";
    Err(ApiError::Unsupported(message.to_owned()))
}

fn embedding_model<'a>(call: &Call<'a>) -> Result<&'a TextModel, ApiError> {
    of_kind(call, Task::SentenceEmbeddings, "Model is not an embedding model")
}

/// The model, if it does `task`.
fn of_kind<'a>(call: &Call<'a>, task: Task, otherwise: &str) -> Result<&'a TextModel, ApiError> {
    match call.function.tasks().contains(&task) {
        true => call.text(),
        false => Err(ApiError::Unsupported(format!("Backend error: {otherwise}"))),
    }
}

/// Texts, and how many code points were sent; a token id counts as one.
struct Counted {
    strings: Vec<String>,
    characters: usize,
}

fn read_embed(model: &TextModel, request: Embed) -> Result<(Counted, Parameters), ApiError> {
    let Texts(inputs) = request.inputs;
    check_count("inputs", inputs.len(), model.manifest.limits.max_inputs)?;
    let length = |text: &Text| match text {
        Text::Text(text) => text.chars().count(),
        Text::Ids(ids) => ids.len(),
    };
    if inputs.iter().any(|text| length(text) == 0) {
        return Err(ApiError::Empty("inputs"));
    }
    let characters = inputs.iter().map(length).sum();
    let strings = Texts(inputs).strings(model)?;
    let parameters = Parameters {
        normalize: Some(request.normalize.unwrap_or(true)),
        dimensions: request.dimensions,
        prompt_name: request.prompt_name,
        prompt: None,
        truncate: truncate(request.truncate, request.truncation_direction),
    };
    Ok((Counted { strings, characters }, parameters))
}

fn truncate(truncate: Option<bool>, side: Side) -> Truncate {
    Truncate::new(truncate.unwrap_or(true), side)
}

/// Scores of all labels, best first. As there, those of several labels add up to one, whatever kind of
/// problem the model was trained for.
fn predict(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    let mut body: Object = call.json()?;
    let finds_entities = call.function.tasks().contains(&Task::TokenClassification);
    if finds_entities && body.contains_key("text") {
        // Servers of GLiNER have this path, too.
        return gliner::answer(call, body);
    }
    let model = of_kind(call, Task::TextClassification, "Model is not a classifier model")?;
    let request: Predict = read(&mut body)?;
    let TextsOrPairs(inputs) = request.inputs;
    let items = inputs.items(model.manifest.limits.max_inputs)?;
    if items.iter().any(|item| item.text.is_empty()) {
        return Err(ApiError::Empty("inputs"));
    }
    let function = match (request.raw_scores, model.labels.names().len()) {
        (Some(true), _) => Function::None,
        (_, 1) => Function::Sigmoid,
        _ => Function::Softmax,
    };
    let truncate = truncate(request.truncate, request.truncation_direction);
    let scores = text_classification::scores(model, items, (function, truncate), call.usage)?;
    let characters = items.iter().map(|TextOrPair { text, pair }| {
        text.chars().count() + pair.as_ref().map_or(0, |pair| pair.chars().count())
    });
    let answers = scores.iter().map(|scores| labels(model, scores)).collect();
    computed(call, characters.sum(), Answer::json(&inputs.answer(answers))?)
}

/// `"…"`, `["…"]` and the pair `["…", "…"]`, or a list of such lists.
#[derive(Debug)]
struct TextsOrPairs(OneOrMany<TextOrPair>);

impl<'de> Deserialize<'de> for TextsOrPairs {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let read = match Value::deserialize(from)? {
            text @ Value::String(_) => text_or_pair(vec![text]).map(OneOrMany::One),
            Value::Array(items) if items.iter().any(Value::is_array) => {
                let item = |item| match item {
                    Value::Array(texts) => text_or_pair(texts),
                    _ => None,
                };
                items.into_iter().map(item).collect::<Option<_>>().map(OneOrMany::Many)
            }
            Value::Array(texts) => text_or_pair(texts).map(OneOrMany::One),
            _ => None,
        };
        let expected = "expected a string, a list of one or two strings, or a list of such lists";
        read.map(Self).ok_or_else(|| D::Error::custom(expected))
    }
}

fn text_or_pair(texts: Vec<Value>) -> Option<TextOrPair> {
    let string = |value| match value {
        Value::String(text) => Some(text),
        _ => None,
    };
    let mut texts = texts.into_iter().map(string);
    let (text, pair) = (texts.next()??, texts.next());
    if texts.next().is_some() {
        return None;
    }
    match pair {
        Some(pair) => Some(TextOrPair { text, pair: Some(pair?) }),
        None => Some(TextOrPair { text, pair: None }),
    }
}

/// Texts by how well they answer a query, best first: the body of `/rerank` that has `texts`.
pub(super) fn rerank(call: &mut Call<'_>, mut body: Object) -> Result<Answer, ApiError> {
    let model = of_kind(call, Task::Reranking, "model is not a re-ranker model")?;
    let request: Rerank = read(&mut body)?;
    let (query, texts) = (request.query, request.texts);
    if query.is_empty() && texts.iter().any(String::is_empty) {
        return Err(ApiError::Empty("texts"));
    }
    let length = |text: &str| text.chars().count();
    let characters: usize = texts.iter().map(|text| length(&query) + length(text)).sum();
    let parameters = reranking::Parameters {
        raw_scores: Some(request.raw_scores.unwrap_or(false)),
        return_text: request.return_text,
        top_k: None,
        truncate: truncate(request.truncate, request.truncation_direction),
    };
    let request = Request::new(reranking::Inputs { query, texts }, parameters);
    let ranks = reranking::answer(model, request, call.usage)?;
    computed(call, characters, Answer::json(&ranks)?)
}

/// How similar sentences are to another, in their order.
fn similarity(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    let model = embedding_model(call)?;
    let Similarity { inputs, parameters } = call.read()?;
    let Sentences { source_sentence, sentences } = inputs;
    let texts = || std::iter::once(&source_sentence).chain(&sentences);
    if texts().any(String::is_empty) {
        return Err(ApiError::Empty("inputs"));
    }
    let characters = texts().map(|text| text.chars().count()).sum();
    let parameters = Parameters {
        truncate: truncate(parameters.truncate, parameters.truncation_direction),
        prompt_name: parameters.prompt_name,
        ..Parameters::default()
    };
    let (prompt, length) =
        (embeddings::prompt(model, &parameters)?, source_sentence.chars().count());
    let (source, truncate) = (format!("{prompt}{source_sentence}"), parameters.truncate);
    let request = Request::new(SimilarityInputs { source_sentence, sentences }, parameters);
    let similarities = embeddings::similarity(model, request, call.usage)?;
    let tokens = model.sequence(&source, truncate, call.usage)?.ids.len();
    let mut answer = computed(call, characters, Answer::json(&similarities)?)?;
    // Of a request that is split, each part has the source.
    answer.headers.extend([
        ("x-repeated-characters", length.to_string()),
        ("x-repeated-tokens", tokens.to_string()),
    ]);
    Ok(answer)
}

fn health(_: &mut Call<'_>) -> Result<Answer, ApiError> {
    let content_type = "text/plain; charset=utf-8";
    Ok(Answer { content_type, headers: Vec::new(), body: Bytes::new() })
}

/// JSON, with what it took to compute it. Every answer of the component has the times that are missing here.
fn computed(call: &Call<'_>, characters: usize, mut answer: Answer) -> Result<Answer, ApiError> {
    let Usage { tokenization, inference, tokens } = *call.usage;
    answer.headers = vec![
        ("x-compute-type", "cpu".to_owned()),
        ("x-compute-time", (tokenization + inference).as_millis().to_string()),
        ("x-compute-characters", characters.to_string()),
        ("x-compute-tokens", tokens.to_string()),
        // An instance has no queue: requests wait for it on the host.
        ("x-queue-time", "0".to_owned()),
    ];
    Ok(answer)
}
