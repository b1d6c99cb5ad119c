//! Hugging Face: `/v1/{task}` follows the pipelines of `transformers`, all other paths hosted inference (hosted.rs).
//! Used by `dialects`. Does not know how tasks are computed.

#[cfg(feature = "schema")]
mod describe;
mod hosted;
#[cfg(feature = "schema")]
mod hosted_schema;
mod recording;

use pilotlight_model::Task;

use super::route::{Answer, Call, Handler, NOTHING, Requires, Route};
use crate::api::ApiError;
use crate::tasks;

#[cfg(feature = "schema")]
pub(super) use self::describe::{describe, task_names};

/// Paths of tasks begin with it.
pub const TASKS: &str = "/v1/";

pub(super) const ROUTES: &[Route] = &[
    inference("/", own_task),
    inference("/models/{id...}", of_model),
    inference("/pipeline/{task}", of_task),
    inference("/pipeline/{task}/{id...}", of_task),
    // The same, as the router of Hugging Face's inference providers has them.
    inference("/hf-inference", own_task),
    inference("/hf-inference/models/{id...}", of_model),
    inference("/hf-inference/pipeline/{task}", of_task),
    inference("/hf-inference/pipeline/{task}/{id...}", of_task),
    task("/v1/token-classification", Task::TokenClassification, |call| {
        answer(call, Task::TokenClassification)
    }),
    task("/v1/text-classification", Task::TextClassification, |call| {
        answer(call, Task::TextClassification)
    }),
    task("/v1/feature-extraction", Task::FeatureExtraction, |call| {
        answer(call, Task::FeatureExtraction)
    }),
    task("/v1/sentence-embeddings", Task::SentenceEmbeddings, |call| {
        answer(call, Task::SentenceEmbeddings)
    }),
    task("/v1/sentence-similarity", Task::SentenceSimilarity, |call| {
        answer(call, Task::SentenceSimilarity)
    }),
    task("/v1/reranking", Task::Reranking, |call| answer(call, Task::Reranking)),
    task("/v1/zero-shot-classification", Task::ZeroShotClassification, |call| {
        answer(call, Task::ZeroShotClassification)
    }),
    task("/v1/question-answering", Task::QuestionAnswering, |call| {
        answer(call, Task::QuestionAnswering)
    }),
    task("/v1/fill-mask", Task::FillMask, |call| answer(call, Task::FillMask)),
    Route {
        reads: WAV_OR_JSON,
        ..task("/v1/voice-activity-detection", Task::VoiceActivityDetection, |call| {
            answer(call, Task::VoiceActivityDetection)
        })
    },
    Route {
        reads: WAV_OR_JSON,
        ..task("/v1/automatic-speech-recognition", Task::AutomaticSpeechRecognition, |call| {
            answer(call, Task::AutomaticSpeechRecognition)
        })
    },
    task("/v1/tensors", Task::Tensors, |call| answer(call, Task::Tensors)),
];

/// Bodies of recordings.
const WAV_OR_JSON: &[&str] =
    &["application/json", "audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"];

/// Bodies are JSON or recordings, which [`recording`] tells apart.
const fn inference(path: &'static str, answer: Handler) -> Route {
    Route { reads: NOTHING, ..Route::post(path, Requires::Nothing, answer) }
}

const fn task(path: &'static str, task: Task, answer: Handler) -> Route {
    Route::post(path, Requires::Task(task), answer)
}

fn own_task(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    hosted::answer(call, None)
}

/// Any name of a model is taken for ours: `{org}/{name}`, or with `/pipeline/{task}` behind it.
fn of_model(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    let task = match call.parameter().rsplit_once("/pipeline/") {
        Some((_, name)) => Some(hosted::task(call.function, name)?),
        None => None,
    };
    hosted::answer(call, task)
}

fn of_task(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    let task = hosted::task(call.function, call.parameter())?;
    hosted::answer(call, Some(task))
}

fn answer(call: &mut Call<'_>, task: Task) -> Result<Answer, ApiError> {
    tasks::answer(call.function.model(), task, call.body, call.usage).map(Answer::written)
}
