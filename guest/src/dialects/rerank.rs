//! Ranking of documents: `/rerank`, `/v1/rerank` and `/v2/rerank`. One answer serves clients of Cohere, Jina
//! and vLLM; `texts` instead of `documents` on `/rerank` is text-embeddings-inference's request.

use pilotlight_model::Task;
use pilotlight_wire::Dialect;
use serde::{Deserialize, Serialize};

use super::input::{Document, Documents};
use super::object::{Object, read, whole};
use super::output::{TokenCount, id};
use super::route::{Answer, Call, Requires, Route};
#[cfg(feature = "schema")]
use super::schema;
use super::text_embeddings_inference;
use super::vllm::truncation;
use crate::api::ApiError;
use crate::tasks::encode::Side;
use crate::tasks::request::{Request, check_count};
use crate::tasks::reranking::{self, Inputs, Parameters, Rank};

pub(super) const ROUTES: &[Route] = &[
    Route::post("/rerank", Requires::TextFor(&[Task::Reranking]), rerank),
    Route::post("/v1/rerank", RANKS, |call| documents(call, call.json()?, V1)),
    Route::post("/v2/rerank", RANKS, |call| documents(call, call.json()?, V2)),
];

const RANKS: Requires = Requires::Task(Task::Reranking);

/// What differs from path to path.
#[derive(Debug, Clone, Copy)]
struct Api {
    /// The version that Cohere's answers name.
    version: &'static str,
    /// Whether answers repeat the documents unless the request says.
    returns_documents: bool,
}

/// As Jina's and vLLM's servers do.
const UNVERSIONED: Api = Api { version: "1", returns_documents: true };
const V1: Api = Api { version: "1", returns_documents: false };
const V2: Api = Api { version: "2", returns_documents: false };

/// A request of Cohere's, Jina's, vLLM's or Infinity's clients.
#[derive(Debug, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(transform = crate::tasks::schema::alias("top_n", "top_k"))
)]
pub(super) struct RerankRequest {
    query: Document,
    documents: Documents,
    /// Only so many of the best; all of them if it is 0.
    #[serde(default, deserialize_with = "whole", alias = "top_k")]
    top_n: Option<usize>,
    #[serde(default)]
    return_documents: Option<bool>,
    /// Infinity's: the model's outputs as they are, instead of 0 to 1.
    #[serde(default)]
    raw_scores: Option<bool>,
    /// vLLM's: tokens that are kept of the query and a document, special ones included; -1 for as many as the model reads.
    #[serde(default)]
    truncate_prompt_tokens: Option<i64>,
    /// Which end is left out.
    #[serde(default)]
    truncation_side: Side,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct Ranking<'a> {
    id: String,
    object: &'static str,
    model: &'a str,
    usage: TokenCount,
    results: Vec<Ranked>,
    meta: Meta,
}

/// A document without its text has no key for it: some clients take no null.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "RankedDocument"))]
struct Ranked {
    index: usize,
    relevance_score: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<RankedDocument>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "DocumentText"))]
struct RankedDocument {
    text: String,
}

/// What Cohere's clients show of a request.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Meta {
    api_version: ApiVersion,
    billed_units: BilledUnits,
    tokens: Tokens,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct ApiVersion {
    version: &'static str,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct BilledUnits {
    search_units: u32,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Tokens {
    input_tokens: usize,
}

fn rerank(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    let body: Object = call.json()?;
    let has = |key| body.get(key).is_some_and(|value| !value.is_null());
    // Only the body tells whose client sent it.
    let told = |dialect| move |error| ApiError::InDialect(dialect, Box::new(error));
    match (has("texts"), has("documents")) {
        (true, _) => text_embeddings_inference::rerank(call, body)
            .map_err(told(Dialect::TextEmbeddingsInference)),
        (false, true) => documents(call, body, UNVERSIONED).map_err(told(Dialect::Rerank)),
        (false, false) => text_embeddings_inference::rerank(call, body),
    }
}

fn documents(call: &mut Call<'_>, mut body: Object, api: Api) -> Result<Answer, ApiError> {
    if !call.function.tasks().contains(&Task::Reranking) {
        return Err(ApiError::Unsupported("the model does not rank documents".to_owned()));
    }
    let model = call.text()?;
    let request: RerankRequest = read(&mut body)?;
    let Documents(documents) = request.documents;
    check_count("documents", documents.len(), model.manifest.limits.max_inputs)?;
    let how = (true, request.truncation_side);
    let truncate = truncation(model, request.truncate_prompt_tokens, how)?;
    let inputs = Inputs { query: request.query.0, texts: documents };
    let parameters = Parameters {
        raw_scores: Some(request.raw_scores.unwrap_or(false)),
        return_text: request.return_documents.or(Some(api.returns_documents)),
        top_k: request.top_n.filter(|most| *most > 0),
        truncate,
    };
    let ranks = reranking::answer(model, Request::new(inputs, parameters), call.usage)?;
    let ranked = |Rank { index, score, text }| Ranked {
        index,
        relevance_score: score,
        document: text.map(|text| RankedDocument { text }),
    };
    Answer::json(&Ranking {
        id: id("rerank", call.body),
        object: "list",
        model: call.function.name(),
        usage: TokenCount::of(call.usage),
        results: ranks.into_iter().map(ranked).collect(),
        meta: Meta {
            api_version: ApiVersion { version: api.version },
            billed_units: BilledUnits { search_units: 1 },
            tokens: Tokens { input_tokens: call.usage.tokens },
        },
    })
}

/// Describes the routes.
#[cfg(feature = "schema")]
pub(super) fn describe(document: &mut schema::Document) {
    document.tag("Cohere, Jina");
    for (path, summary) in [
        ("/v1/rerank", "Ranks documents by how well they answer a query, as Jina and Cohere do."),
        ("/v2/rerank", "Ranks documents by how well they answer a query, as Cohere does."),
    ] {
        document
            .post(path, summary)
            .reads::<schema::Lenient<RerankRequest>>(&serde_json::json!({
                "query": "Who is Ada?",
                "documents": ["Ada is a person.", "It rains."],
                "top_n": 1,
            }))
            .answers::<Ranking<'_>>();
    }
}

/// The request of `/rerank`.
#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(untagged, inline)]
#[expect(dead_code, reason = "only its schema is wanted")]
pub(super) enum AnyRequest {
    Texts(schema::Lenient<text_embeddings_inference::Rerank>),
    Documents(schema::Lenient<RerankRequest>),
}

/// The answer of `/rerank`.
#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(untagged, inline)]
#[expect(dead_code, reason = "only its schema is wanted")]
pub(super) enum AnyAnswer<'a> {
    Texts(Vec<Rank>),
    Documents(Ranking<'a>),
}
