//! What the OpenAPI document says of Hugging Face's routes.

use pilotlight_model::Task;
use serde_json::{Value, json};

use super::hosted::OTHER_NAMES;
use super::hosted_schema as hosted;
use crate::dialects::schema::Document;
use crate::tasks::request::{Answer, OneOrMany, Request, TextOrPair};
use crate::tasks::schema::Filled;
use crate::tasks::tensors::{Request as TensorsRequest, Response};
use crate::tasks::{
    embeddings, fill_mask, question_answering, reranking, speech_recognition, text_classification,
    token_classification, voice_activity, zero_shot_classification,
};

/// Describes the routes.
pub(in crate::dialects) fn describe(document: &mut Document) {
    document.tag("Hugging Face inference");
    let examples = Task::ALL.map(|task| (task, example(task)));
    for (path, summary) in [
        ("/", "Answers a request for the model's task, or for the one that its body is for."),
        ("/models/{id...}", "Answers a request for the model's task; any name stands for it."),
        ("/pipeline/{task}", "Answers a request for a task."),
        (
            "/pipeline/{task}/{id...}",
            "Answers a request for a task; any name stands for the model.",
        ),
        ("/hf-inference", "The same as /."),
        ("/hf-inference/models/{id...}", "The same as /models/{id}."),
        ("/hf-inference/pipeline/{task}", "The same as /pipeline/{task}."),
        ("/hf-inference/pipeline/{task}/{id...}", "The same as /pipeline/{task}/{id}."),
    ] {
        let operation = document.post(path, summary);
        // A function's document has the examples of the first path for all of them.
        let operation = match path {
            "/" => operation.reads_one_of::<hosted::AnyRequest>(&examples),
            _ => operation.reads::<hosted::AnyRequest>(&example(Task::TextClassification)),
        };
        operation.or_wav().answers::<hosted::AnyAnswer>();
    }
    document.tag("Hugging Face pipelines");
    classifiers(document);
    vectors(document);
    others(document);
}

fn classifiers(document: &mut Document) {
    document
        .post("/v1/token-classification", "Finds the entities of texts.")
        .reads::<Request<OneOrMany<String>, token_classification::Parameters>>(&example(
            Task::TokenClassification,
        ))
        .answers::<Answer<Vec<token_classification::Entity>>>();
    document
        .post("/v1/text-classification", "Computes scores of labels for texts or pairs of texts.")
        .reads::<Request<OneOrMany<TextOrPair>, text_classification::Parameters>>(&example(
            Task::TextClassification,
        ))
        .answers::<text_classification::Labels>();
    document
        .post("/v1/zero-shot-classification", "Computes scores of the request's own labels.")
        .reads::<Request<OneOrMany<Filled>, zero_shot_classification::Parameters>>(&example(
            Task::ZeroShotClassification,
        ))
        .answers::<Answer<zero_shot_classification::Classified>>();
}

fn vectors(document: &mut Document) {
    document
        .post("/v1/feature-extraction", "Computes a vector for each token of each text.")
        .reads::<Request<OneOrMany<String>, embeddings::FeatureParameters>>(&example(
            Task::FeatureExtraction,
        ))
        .answers::<Answer<[Vec<Vec<f32>>; 1]>>();
    document
        .post("/v1/sentence-embeddings", "Computes a vector for each text.")
        .reads::<Request<OneOrMany<String>, embeddings::Parameters>>(&example(
            Task::SentenceEmbeddings,
        ))
        .answers::<Answer<Vec<f32>>>();
    document
        .post("/v1/sentence-similarity", "Computes how similar sentences are to another.")
        .reads::<Request<embeddings::SimilarityInputs, embeddings::Parameters>>(&example(
            Task::SentenceSimilarity,
        ))
        .answers::<Vec<f32>>();
}

fn others(document: &mut Document) {
    document
        .post("/v1/reranking", "Ranks texts by how well they answer a query.")
        .reads::<Request<reranking::Inputs, reranking::Parameters>>(&example(Task::Reranking))
        .answers::<Vec<reranking::Rank>>();
    document
        .post("/v1/question-answering", "Finds the part of a text that answers a question.")
        .reads::<Request<OneOrMany<question_answering::Inputs>, question_answering::Parameters>>(
            &example(Task::QuestionAnswering),
        )
        .answers::<Answer<question_answering::Spans>>();
    document
        .post("/v1/fill-mask", "Finds tokens that could stand in a gap of a text.")
        .reads::<Request<OneOrMany<String>, fill_mask::Parameters>>(&example(Task::FillMask))
        .answers::<Answer<fill_mask::Candidates>>();
    document
        .post("/v1/voice-activity-detection", "Finds speech in a recording.")
        .reads::<voice_activity::Request>(&example(Task::VoiceActivityDetection))
        .or_wav()
        .answers::<voice_activity::VoiceActivity>();
    document
        .post("/v1/automatic-speech-recognition", "Writes down what is said in a recording.")
        .reads::<speech_recognition::Request>(&example(Task::AutomaticSpeechRecognition))
        .or_wav()
        .answers::<speech_recognition::Transcript>();
    document
        .post("/v1/tensors", "Computes the graph's outputs for tensors.")
        .reads::<TensorsRequest>(&example(Task::Tensors))
        .answers::<Response>();
}

/// Names of tasks in paths.
pub(in crate::dialects) fn task_names() -> Vec<&'static str> {
    let others = OTHER_NAMES.iter().map(|(name, _)| *name);
    Task::ALL.iter().map(|task| task.name()).chain(others).collect()
}

fn example(task: Task) -> Value {
    match task {
        Task::SentenceSimilarity => json!({"inputs": {
            "source_sentence": "Ada is a person.",
            "sentences": ["Bob is a person.", "It rains."],
        }}),
        Task::Reranking => json!({"inputs": {
            "query": "Who is Ada?",
            "texts": ["Ada is a person.", "It rains."],
        }}),
        Task::ZeroShotClassification => json!({
            "inputs": "It rains.",
            "parameters": {"candidate_labels": ["weather", "travel"]},
        }),
        Task::QuestionAnswering => json!({"inputs": {
            "question": "Who is Ada?",
            "context": "Ada is a person.",
        }}),
        Task::FillMask => json!({"inputs": "Ada is a [MASK]."}),
        Task::VoiceActivityDetection | Task::AutomaticSpeechRecognition => {
            json!({"inputs": "AAAA/38AgA=="})
        }
        Task::Tensors => json!({"inputs": [
            {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]},
        ]}),
        _ => json!({"inputs": "Ada is a person."}),
    }
}
