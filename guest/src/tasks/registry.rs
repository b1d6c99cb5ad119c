use pilotlight_model::Task;
use serde_json::{Value, json};

use super::{
    embeddings, fill_mask, question_answering, reranking, speech_recognition, tensors,
    text_classification, token_classification, voice_activity, zero_shot_classification,
};
use crate::api::{ApiError, parse};
use crate::engine::{Element, Port, Tensor};
use crate::json::write;
use crate::model::{Model, TensorsModel, TextModel, Usage};

const TEXT: &str = "My name is Sarah Jane Smith, reach me at sarah.smith@example.com.";
const OTHERS: [&str; 3] =
    ["She can be reached by mail.", "The weather is fine today.", "Paris is a city in France."];
/// What stands for a text of the corpus in a request of [`Agreement`].
const CORPUS_TEXT: &str = "{text}";
/// Sizes that are tried for dimensions of any size, but for the first, in the sample of a graph.
const SIZES: [usize; 6] = [1, 8, 32, 64, 128, 224];

/// How two builds of a model are compared.
pub struct Agreement {
    /// The body of a request; `{text}` within its strings stands for a text.
    pub request: Value,
    /// Which values of the answer: a path in it, `*` for each element.
    pub values: &'static str,
    /// What is measured.
    pub measure: Measure,
    /// What a smaller precision has to reach.
    pub threshold: f64,
}

/// What is measured of two answers; 1 is agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// The share of equal values.
    Equal,
    /// The cosine of the angle between them as vectors.
    Cosine,
    /// The share of pairs in the same order.
    Order,
    /// 1 less the largest difference.
    Difference,
}

/// The tasks that a model can do, its own first.
pub fn able(task: Task, model: &Model) -> Vec<Task> {
    use Task::{
        AutomaticSpeechRecognition, FeatureExtraction, Reranking, SentenceEmbeddings,
        SentenceSimilarity, TextClassification, VoiceActivityDetection, ZeroShotClassification,
    };
    if let Model::Speech(_) = model {
        return vec![AutomaticSpeechRecognition, VoiceActivityDetection];
    }
    let Some(text) = model.text() else { return vec![task] };
    let others: &[Task] = match task {
        FeatureExtraction | SentenceEmbeddings | SentenceSimilarity => match text.token_output() {
            Some(_) => &[SentenceEmbeddings, SentenceSimilarity, FeatureExtraction],
            None => &[SentenceEmbeddings, SentenceSimilarity],
        },
        Reranking => &[TextClassification],
        ZeroShotClassification => &[TextClassification],
        TextClassification => {
            let labels = text.labels.names();
            match zero_shot_classification::entailment(labels) {
                Some(_) => &[ZeroShotClassification],
                None if labels.len() == 1 => &[Reranking],
                None => &[],
            }
        }
        _ => &[],
    };
    let others = others.iter().copied().filter(|other| *other != task);
    std::iter::once(task).chain(others).collect()
}

/// Answers the body of a request for `task`: JSON.
///
/// # Errors
/// [`ApiError`].
pub fn answer(
    model: &Model,
    task: Task,
    body: &[u8],
    usage: &mut Usage,
) -> Result<Vec<u8>, ApiError> {
    let text = match model {
        Model::Text(text) => text,
        Model::Voice(voice) => {
            return write(&voice_activity::answer(voice, body, usage)?);
        }
        Model::Speech(speech) if task == Task::VoiceActivityDetection => {
            return write(&voice_activity::answer(speech.voice(), body, usage)?);
        }
        Model::Speech(speech) => return write(&speech_recognition::answer(speech, body, usage)?),
        Model::Tensors(model) => {
            return write(&tensors::answer(model.engine(), parse(body)?, usage)?);
        }
    };
    match task {
        Task::TokenClassification => {
            write(&token_classification::answer(text, parse(body)?, usage)?)
        }
        Task::TextClassification => write(&text_classification::answer(text, parse(body)?, usage)?),
        Task::FeatureExtraction => write(&embeddings::features(text, parse(body)?, usage)?),
        Task::SentenceEmbeddings => write(&embeddings::embeddings(text, parse(body)?, usage)?),
        Task::SentenceSimilarity => write(&embeddings::similarity(text, parse(body)?, usage)?),
        Task::Reranking => write(&reranking::answer(text, parse(body)?, usage)?),
        Task::ZeroShotClassification => {
            write(&zero_shot_classification::answer(text, parse(body)?, usage)?)
        }
        Task::QuestionAnswering => write(&question_answering::answer(text, parse(body)?, usage)?),
        Task::FillMask => write(&fill_mask::answer(text, parse(body)?, usage)?),
        task => Err(ApiError::Internal(format!("the task {task} is unknown"))),
    }
}

/// The body of a request that every version has to answer before it serves.
pub fn sample(task: Task, model: &Model) -> Value {
    match model {
        Model::Text(text) => request(task, text, TEXT),
        Model::Voice(_) | Model::Speech(_) => voice_activity::sample(),
        Model::Tensors(model) => tensors_sample(model),
    }
}

/// Tensors of ones, of the shapes that the manifest says, or of the first sizes that the graph takes.
fn tensors_sample(model: &TensorsModel) -> Value {
    let engine = model.engine();
    let shape = |port: &Port, size: usize| match model.sample_shape(&port.name) {
        Some(shape) => shape.to_vec(),
        None => shape(port, size),
    };
    let fits = |size: &usize| {
        let ones =
            engine.inputs().iter().map(|port| Tensor::ones(port.element, shape(port, *size)));
        engine.run(ones.collect()).is_ok()
    };
    let size = SIZES.into_iter().find(fits).unwrap_or(SIZES[0]);
    let example = |port: &Port| {
        let one = if port.element == Element::Bool { json!(true) } else { json!(1) };
        let shape = shape(port, size);
        let volume = shape.iter().product();
        let (name, datatype) = (&port.name, port.element.name());
        json!({"name": name, "shape": shape, "datatype": datatype, "data": vec![one; volume]})
    };
    json!({"inputs": engine.inputs().iter().map(example).collect::<Vec<_>>()})
}

/// The dimensions of an input: one row, and `size` wherever any size goes.
fn shape(port: &Port, size: usize) -> Vec<usize> {
    let any = |axis: usize| if axis == 0 { 1 } else { size };
    port.dims.iter().enumerate().map(|(axis, dim)| dim.unwrap_or_else(|| any(axis))).collect()
}

/// How two builds of the model are compared.
pub fn agreement(task: Task, model: &Model) -> Agreement {
    let of =
        |request, values, measure, threshold| Agreement { request, values, measure, threshold };
    let text = match model {
        Model::Text(text) => text,
        Model::Voice(_) => {
            return of(sample(task, model), "/probabilities/*", Measure::Difference, 0.99);
        }
        Model::Speech(_) => return of(sample(task, model), "/text", Measure::Equal, 0.99),
        Model::Tensors(_) => {
            return of(sample(task, model), "/outputs/0/data/*", Measure::Difference, 0.999);
        }
    };
    let mut request = request(task, text, CORPUS_TEXT);
    match task {
        Task::TokenClassification => {
            request["parameters"] = json!({"aggregation_strategy": "none", "ignore_labels": []});
            of(request, "/*/entity", Measure::Equal, 0.995)
        }
        Task::SentenceEmbeddings => of(request, "/*", Measure::Cosine, 0.999),
        Task::FeatureExtraction => of(request, "/0/*/*", Measure::Cosine, 0.999),
        Task::SentenceSimilarity => of(request, "/*", Measure::Difference, 0.99),
        Task::Reranking => of(request, "/*/index", Measure::Order, 0.995),
        Task::ZeroShotClassification => of(request, "/labels/0", Measure::Equal, 0.99),
        Task::QuestionAnswering => of(request, "/answer", Measure::Equal, 0.98),
        Task::FillMask => of(request, "/0/token", Measure::Equal, 0.98),
        _ => of(request, "/0/label", Measure::Equal, 0.99),
    }
}

/// A request for `task` about a text.
fn request(task: Task, model: &TextModel, text: &str) -> Value {
    match task {
        Task::SentenceSimilarity => {
            json!({"inputs": {"source_sentence": text, "sentences": OTHERS}})
        }
        Task::Reranking => json!({"inputs": {"query": text, "texts": OTHERS}}),
        Task::ZeroShotClassification => json!({
            "inputs": text,
            "parameters": {"candidate_labels": ["person", "weather", "travel"]},
        }),
        Task::QuestionAnswering => {
            json!({"inputs": {"question": "Who is it about?", "context": format!("{text} {TEXT}")}})
        }
        Task::FillMask => {
            // In front: the end of a text that is too long is left out.
            let mask = model.mask_token.as_deref().unwrap_or_default();
            json!({"inputs": format!("{mask} {text}")})
        }
        _ => json!({"inputs": text}),
    }
}
