//! Schemas of the requests that `hosted.rs` reads, and of what it answers, whatever the model's task.

#![expect(dead_code, reason = "only the schemas of these types are wanted")]

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::hosted::VectorParameters;
use crate::dialects::input::Texts;
use crate::dialects::schema::Lenient;
use crate::dialects::text_embeddings_inference::Rerank;
use crate::tasks::embeddings::SimilarityInputs;
use crate::tasks::request::{Answer, OneOrMany, TextOrPair};
use crate::tasks::reranking::Rank;
use crate::tasks::schema::{Filled, parameters_of, required_keys};
use crate::tasks::text_classification::Label;
use crate::tasks::token_classification::Entity;
use crate::tasks::zero_shot_classification::Classified;
use crate::tasks::{
    embeddings, fill_mask, question_answering, reranking, speech_recognition, tensors,
    text_classification, token_classification, voice_activity, zero_shot_classification,
};

/// A request for any task. The document of a function has the forms of its tasks.
#[derive(JsonSchema)]
#[schemars(untagged, rename = "InferenceRequest")]
pub(super) enum AnyRequest {
    #[schemars(extend("x-tasks" = ["feature-extraction", "sentence-embeddings"]))]
    Vectors(Vectors),
    #[schemars(extend("x-tasks" = ["text-classification"]))]
    TextClassification(Of<OneOrMany<TextOrPair>, text_classification::Parameters>),
    #[schemars(extend("x-tasks" = ["token-classification"]))]
    TokenClassification(Of<OneOrMany<String>, token_classification::Parameters>),
    #[schemars(extend("x-tasks" = ["zero-shot-classification"]))]
    ZeroShot(Of<OneOrMany<Filled>, zero_shot_classification::Parameters>),
    #[schemars(extend("x-tasks" = ["sentence-similarity"]))]
    Similarity(Of<SimilarityInputs, embeddings::Parameters>),
    #[schemars(extend("x-tasks" = ["reranking"]))]
    Texts(Lenient<Rerank>),
    #[schemars(extend("x-tasks" = ["reranking"]))]
    Reranking(Of<reranking::Inputs, reranking::Parameters>),
    #[schemars(extend("x-tasks" = ["question-answering"]))]
    Questions(Of<OneOrMany<question_answering::Inputs>, question_answering::Parameters>),
    #[schemars(extend("x-tasks" = ["fill-mask"]))]
    FillMask(Of<OneOrMany<String>, fill_mask::Parameters>),
    #[schemars(extend("x-tasks" = ["voice-activity-detection", "automatic-speech-recognition"]))]
    VoiceActivity(Of<String, voice_activity::Parameters>),
    #[schemars(extend("x-tasks" = ["tensors"]))]
    Tensors(tensors::Request),
}

/// The answer to a request for any task.
#[derive(JsonSchema)]
#[schemars(untagged, rename = "InferenceAnswer")]
pub(super) enum AnyAnswer {
    Similarities(Vec<f32>),
    Vectors(Vec<Vec<f32>>),
    TokenVectors(Vec<Vec<Vec<f32>>>),
    Labels(Vec<Vec<Label>>),
    Candidates(Vec<Label>),
    ZeroShot(Answer<Classified>),
    Entities(Answer<Vec<Entity>>),
    Ranks(Vec<Rank>),
    Spans(Answer<question_answering::Spans>),
    Masks(Answer<fill_mask::Candidates>),
    VoiceActivity(voice_activity::VoiceActivity),
    Transcript(speech_recognition::Transcript),
    Tensors(tensors::Response),
}

/// `{"inputs", "parameters"}`, where other keys are ignored.
pub(super) struct Of<I, P>(PhantomData<(I, P)>);

impl<I: JsonSchema, P: JsonSchema> JsonSchema for Of<I, P> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("{}With{}", I::schema_name(), P::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let parameters = generator.subschema_for::<Lenient<P>>();
        json_schema!({
            "type": "object",
            "properties": {
                "inputs": generator.subschema_for::<I>(),
                "parameters": parameters_of::<P>(parameters, generator),
            },
            "required": required_keys::<P>(generator),
        })
    }
}

/// A request for vectors, whose parameters also stand beside its texts.
pub(super) struct Vectors;

impl JsonSchema for Vectors {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Vectors".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Of::<Texts, VectorParameters>::json_schema(generator);
        let beside = Lenient::<VectorParameters>::json_schema(generator);
        let beside = beside.get("properties").and_then(Value::as_object).cloned();
        let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
        properties
            .into_iter()
            .for_each(|properties| properties.extend(beside.clone().unwrap_or_default()));
        schema
    }
}
