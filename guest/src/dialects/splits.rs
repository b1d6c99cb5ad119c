//! Which requests with a list of texts a host may have answered in parts, by several instances. Lists of
//! anything but strings are never split: dialects read token ids or one message's parts in them.

use pilotlight_model::Task;

use crate::function::Function;

/// How requests to a path are split, as `guest/wit` describes it.
#[derive(Debug, Clone, Copy)]
pub struct Split {
    /// The path.
    pub path: &'static str,
    /// Key of the request's list of texts.
    pub texts: &'static str,
    /// Key of the answer's list; empty if that is all of the answer.
    pub answers: &'static str,
    /// Key of each answer that says which text it is about.
    pub index: Option<&'static str>,
    /// Key of each answer by which they are sorted.
    pub sorted_by: Option<&'static str>,
    /// Keys of the request any of which says how many answers there may be.
    pub limits: &'static [&'static str],
    /// Keys of counts that are added up.
    pub sums: &'static [&'static str],
}

/// Tasks that answer a list of texts with a list, and their paths.
const OF_TASKS: [(Task, &str); 6] = [
    (Task::TokenClassification, "/v1/token-classification"),
    (Task::TextClassification, "/v1/text-classification"),
    (Task::FeatureExtraction, "/v1/feature-extraction"),
    (Task::SentenceEmbeddings, "/v1/sentence-embeddings"),
    (Task::ZeroShotClassification, "/v1/zero-shot-classification"),
    (Task::FillMask, "/v1/fill-mask"),
];

/// Paths that answer any task that their body is for.
const OF_ANY_TASK: [&str; 2] = ["/", "/hf-inference"];

/// The other paths.
const OTHERS: [Split; 12] = [
    similarity("/v1/sentence-similarity"),
    similarity("/similarity"),
    list("/embed", "inputs"),
    list("/embed_all", "inputs"),
    of_openai("/v1/embeddings"),
    of_openai("/classify"),
    of_openai("/pooling"),
    Split { answers: "results", ..list("/v1/moderations", "input") },
    texts_of_pipeline("/v1/reranking"),
    documents("/rerank"),
    documents("/v1/rerank"),
    documents("/v2/rerank"),
];

/// Those of a function's paths.
pub fn splits(function: &Function) -> Vec<Split> {
    let own = OF_TASKS.iter().any(|(task, _)| *task == function.task());
    let of_any_task = OF_ANY_TASK.into_iter().flat_map(|path| {
        let alone = own.then(|| list(path, "inputs"));
        let structured = [similarity(path), texts_of_pipeline(path), ranks(path, "texts")];
        alone.into_iter().chain(structured)
    });
    let of_tasks = OF_TASKS.into_iter().map(|(_, path)| list(path, "inputs"));
    let texts = ranks("/rerank", "texts");
    of_any_task.chain(of_tasks).chain(OTHERS).chain([texts]).collect()
}

const fn list(path: &'static str, texts: &'static str) -> Split {
    Split { path, texts, answers: "", index: None, sorted_by: None, limits: &[], sums: &[] }
}

const fn similarity(path: &'static str) -> Split {
    list(path, "inputs.sentences")
}

const fn ranks(path: &'static str, texts: &'static str) -> Split {
    Split { index: Some("index"), sorted_by: Some("score"), ..list(path, texts) }
}

const fn texts_of_pipeline(path: &'static str) -> Split {
    Split { limits: &["parameters.top_k"], ..ranks(path, "inputs.texts") }
}

const fn of_openai(path: &'static str) -> Split {
    let sums = &["usage.prompt_tokens", "usage.total_tokens"];
    Split { answers: "data", index: Some("index"), sums, ..list(path, "input") }
}

const fn documents(path: &'static str) -> Split {
    Split {
        answers: "results",
        sorted_by: Some("relevance_score"),
        limits: &["top_n", "top_k"],
        sums: &["usage.prompt_tokens", "usage.total_tokens", "meta.tokens.input_tokens"],
        ..ranks(path, "documents")
    }
}
