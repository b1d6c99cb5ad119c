//! Requests and answers of Hugging Face's hosted inference, as `huggingface_hub.InferenceClient` and
//! huggingface.js know it. They differ from those of the pipelines: unknown keys are ignored, texts have
//! one vector each, and classifiers tell all labels.

use pilotlight_model::Task;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::recording;
use crate::api::ApiError;
use crate::dialects::input::Texts;
use crate::dialects::object::{Object, positive, read, required};
use crate::dialects::route::{Answer, Call};
use crate::dialects::text_embeddings_inference;
use crate::function::Function;
use crate::json::Row;
use crate::model::TextModel;
use crate::tasks::encode::{Side, Truncate};
use crate::tasks::request::{Answer as Answers, OneOrMany, Request, TextOrPair, check_count};
use crate::tasks::text_classification::Label;
use crate::tasks::zero_shot_classification::Classified;
use crate::tasks::{
    embeddings, fill_mask, question_answering, reranking, text_classification,
    token_classification, zero_shot_classification,
};

/// Names that Hugging Face has for tasks that we call otherwise.
pub(super) const OTHER_NAMES: [(&str, Task); 4] = [
    ("ner", Task::TokenClassification),
    ("sentiment-analysis", Task::TextClassification),
    ("text-ranking", Task::Reranking),
    ("sentence-ranking", Task::Reranking),
];

/// The task of a path.
///
/// # Errors
/// [`ApiError::NotFound`] for one that the model does not do.
pub(super) fn task(function: &Function, name: &str) -> Result<Task, ApiError> {
    let able = |task: &Task| function.tasks().contains(task);
    let own = function.tasks().iter().copied().find(|task| task.name() == name);
    let other = OTHER_NAMES.iter().find(|other| other.0 == name).map(|other| other.1);
    let found = own.or(other.filter(able)).or_else(|| {
        // Hugging Face has no task of its own for vectors of texts.
        let vectors = name == Task::FeatureExtraction.name() && able(&Task::SentenceEmbeddings);
        vectors.then_some(Task::SentenceEmbeddings)
    });
    found.ok_or_else(|| ApiError::NotFound(format!("/pipeline/{name}")))
}

/// Answers a request for a task, or for the one that its body is for.
///
/// # Errors
/// [`ApiError`].
pub(super) fn answer(call: &mut Call<'_>, task: Option<Task>) -> Result<Answer, ApiError> {
    let named = task.unwrap_or(call.function.task());
    if let Some(answer) = recording::answer(call, named)? {
        return Ok(answer);
    }
    let Some(model) = call.function.model().text() else {
        return super::answer(call, named);
    };
    let body: Object = call.json()?;
    let task = task.unwrap_or_else(|| meant(call.function, &body));
    let usage = &mut *call.usage;
    match task {
        Task::FeatureExtraction | Task::SentenceEmbeddings => vectors(call, model, body),
        Task::TextClassification => labels(call, model, body),
        Task::ZeroShotClassification => candidates(call, model, body),
        Task::TokenClassification => {
            Answer::json(&token_classification::answer(model, pipeline_request(body)?, usage)?)
        }
        Task::SentenceSimilarity => {
            Answer::json(&embeddings::similarity(model, pipeline_request(body)?, usage)?)
        }
        // A request of text-embeddings-inference, whose answer is the same.
        Task::Reranking if body.contains_key("texts") => {
            text_embeddings_inference::rerank(call, body)
        }
        Task::Reranking => Answer::json(&reranking::answer(model, pipeline_request(body)?, usage)?),
        Task::QuestionAnswering => {
            Answer::json(&question_answering::answer(model, pipeline_request(body)?, usage)?)
        }
        Task::FillMask => Answer::json(&fill_mask::answer(model, pipeline_request(body)?, usage)?),
        task => super::answer(call, task),
    }
}

/// The task that a body is for: clients whose base address is the function's own name none.
fn meant(function: &Function, body: &Object) -> Task {
    let has = |part: &str, key| body.get(part).is_some_and(|part| part.get(key).is_some());
    let asked = [
        (has("inputs", "source_sentence"), Task::SentenceSimilarity),
        (has("inputs", "question"), Task::QuestionAnswering),
        (has("inputs", "query") || body.contains_key("texts"), Task::Reranking),
        (has("parameters", "candidate_labels"), Task::ZeroShotClassification),
    ];
    let able = |task: &Task| function.tasks().contains(task);
    let asked = asked.into_iter().find(|(asked, task)| *asked && able(task)).map(|(_, task)| task);
    let own = function.task();
    let structured = body.get("inputs").is_some_and(Value::is_object);
    match (asked, own) {
        (Some(task), _) => task,
        // Texts alone.
        (None, Task::SentenceSimilarity) if !structured => Task::SentenceEmbeddings,
        (None, Task::Reranking) => Task::TextClassification,
        (None, own) => own,
    }
}

/// `{"inputs", "parameters"}`.
fn pipeline_request<I, P>(mut body: Object) -> Result<Request<I, P>, ApiError>
where
    I: DeserializeOwned,
    P: DeserializeOwned,
{
    let mut parameters = parameters(&mut body)?;
    Ok(Request::new(required(&mut body, "inputs")?, read(&mut parameters)?))
}

fn parameters(body: &mut Object) -> Result<Object, ApiError> {
    match body.remove("parameters") {
        None | Some(Value::Null) => Ok(Object::new()),
        Some(Value::Object(parameters)) => Ok(parameters),
        Some(_) => Err(ApiError::of_key("parameters", "parameters: expected an object")),
    }
}

/// Parameters of vectors, which clients send beside `inputs`, not in `parameters`.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(transform = crate::tasks::schema::truncation)
)]
#[serde(default)]
pub(super) struct VectorParameters {
    normalize: Option<bool>,
    #[serde(deserialize_with = "positive")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    dimensions: Option<usize>,
    prompt_name: Option<String>,
    prompt: Option<String>,
    #[serde(alias = "truncation")]
    truncate: Truncate,
    truncation_direction: Side,
}

/// One vector for each text, `[texts, columns]`, also for a single text. Of a model whose files say nothing of
/// pooling, a text alone has the vectors of its tokens, `[1, tokens, columns]`.
fn vectors(call: &mut Call<'_>, model: &TextModel, mut body: Object) -> Result<Answer, ApiError> {
    let alone = body.get("inputs").is_some_and(Value::is_string);
    let texts: Texts = required(&mut body, "inputs")?;
    check_count("inputs", texts.0.len(), model.manifest.limits.max_inputs)?;
    let texts = texts.strings(model)?;
    let mut given = parameters(&mut body)?;
    // Wrong ones are refused although those beside `inputs` take their place.
    read::<VectorParameters>(&mut given.clone())?;
    given.extend(body.into_iter().filter(|(_, value)| !value.is_null()));
    let VectorParameters {
        normalize,
        dimensions,
        prompt_name,
        prompt,
        truncate,
        truncation_direction: side,
    } = read(&mut given)?;
    let truncate = Truncate { side, ..truncate };
    let own = call.function.task();
    let parameters =
        embeddings::Parameters { normalize, dimensions, prompt_name, prompt, truncate };
    if alone && own == Task::FeatureExtraction && model.manifest.pooling.is_none() {
        let prompt = embeddings::prompt(model, &parameters)?;
        let texts: Vec<String> = texts.iter().map(|text| format!("{prompt}{text}")).collect();
        let vectors = embeddings::token_vectors(model, &texts, truncate, call.usage)?;
        let rows: Vec<Vec<_>> =
            vectors.iter().map(|vectors| vectors.rows().map(Row).collect()).collect();
        return Answer::json(&rows);
    }
    let vectors = embeddings::embed(model, &texts, &parameters, call.usage)?;
    Answer::json(&vectors.into_iter().map(Row).collect::<Vec<_>>())
}

/// All labels of each text, `[texts, labels]`, also of a single text.
fn labels(call: &mut Call<'_>, model: &TextModel, body: Object) -> Result<Answer, ApiError> {
    let Request { inputs, parameters, .. } =
        pipeline_request::<OneOrMany<TextOrPair>, text_classification::Parameters>(body)?;
    let items = inputs.items(model.manifest.limits.max_inputs)?;
    let how = (parameters.function_to_apply, parameters.truncate);
    let scores = text_classification::scores(model, items, how, call.usage)?;
    let most = parameters.top_k.unwrap_or(usize::MAX);
    let best = |scores: &Vec<f32>| {
        let mut labels = text_classification::labels(model, scores);
        labels.truncate(most);
        labels
    };
    Answer::json(&scores.iter().map(best).collect::<Vec<Vec<Label>>>())
}

/// The labels of a request: a list, as the router of inference providers has it, or the pipeline's object
/// for clients that read nothing else.
fn candidates(call: &mut Call<'_>, model: &TextModel, body: Object) -> Result<Answer, ApiError> {
    let answer = zero_shot_classification::answer(model, pipeline_request(body)?, call.usage)?;
    if reads_objects(call.target.user_agent.as_deref()) {
        return Answer::json(&answer);
    }
    match answer {
        Answers::One(classified) => Answer::json(&list(classified)),
        Answers::Many(many) => {
            Answer::json(&many.into_iter().map(list).collect::<Vec<Vec<Label>>>())
        }
    }
}

fn list(Classified { labels, scores, .. }: Classified) -> Vec<Label> {
    let label = |(label, score)| Label { label, score };
    labels.into_iter().zip(scores).map(label).collect()
}

/// Whether a client is `huggingface_hub` before 1.2, which reads only the object of a zero-shot classification.
fn reads_objects(user_agent: Option<&str>) -> bool {
    let agent = user_agent.unwrap_or_default();
    let Some((_, version)) = agent.split_once("hf_hub/") else { return false };
    let mut numbers = version.split(|letter: char| !letter.is_ascii_digit()).map(str::parse::<u32>);
    let (major, minor) = (numbers.next(), numbers.next());
    matches!((major, minor), (Some(Ok(0)), _) | (Some(Ok(1)), Some(Ok(0 | 1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_huggingface_hub_before_1_2_read_objects() {
        for (agent, expected) in [
            ("unknown/None; hf_hub/0.36.0; python/3.12.1", true),
            ("unknown/None; hf_hub/1.0.1; python/3.12.1", true),
            ("hf_hub/1.1", true),
            ("unknown/None; hf_hub/1.2.0; python/3.12.1", false),
            ("unknown/None; hf_hub/1.12.0", false),
            ("unknown/None; hf_hub/2.4.0; torch/0.1", false),
            ("unknown/None; hf_hub/dev", false),
            ("curl/8.5.0", false),
        ] {
            assert_eq!(reads_objects(Some(agent)), expected, "{agent}");
        }
        assert!(!reads_objects(None));
    }
}
