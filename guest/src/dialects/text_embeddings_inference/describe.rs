//! What the OpenAPI document says of text-embeddings-inference's routes.

use serde_json::json;

use super::tokens::{Decode, SimpleToken, Tokenize};
use super::{Embed, Predict, Similarity, TextsOrPairs};
use crate::dialects::rerank::{AnyAnswer, AnyRequest};
use crate::dialects::schema::{Document, Lenient};
use crate::tasks::request::Answer;
use crate::tasks::schema::by_hand;
use crate::tasks::text_classification::Label;

/// Describes the routes.
pub(in crate::dialects) fn describe(document: &mut Document) {
    document.tag("text-embeddings-inference");
    document
        .post("/embed", "Computes a vector for each text.")
        .reads::<Lenient<Embed>>(&json!({"inputs": ["Ada is a person.", "It rains."]}))
        .answers::<Vec<Vec<f32>>>();
    document
        .post("/embed_all", "Computes a vector for each token of each text.")
        .reads::<Lenient<Embed>>(&json!({"inputs": ["Ada is a person.", "It rains."]}))
        .answers::<Vec<Vec<Vec<f32>>>>();
    document
        .post("/predict", "Computes the scores of all labels for each text or pair of texts.")
        .reads::<Lenient<Predict>>(&json!({"inputs": "Ada is a person."}))
        .answers::<Answer<Vec<Label>>>();
    document
        .post("/rerank", "Ranks texts by how well they answer a query.")
        .reads::<AnyRequest>(&json!({
            "query": "Who is Ada?",
            "texts": ["Ada is a person.", "It rains."],
        }))
        .answers::<AnyAnswer<'_>>();
    document
        .post("/similarity", "Computes how similar sentences are to another.")
        .reads::<Lenient<Similarity>>(&json!({"inputs": {
            "source_sentence": "Ada is a person.",
            "sentences": ["Bob is a person.", "It rains."],
        }}))
        .answers::<Vec<f32>>();
    document
        .post("/tokenize", "Splits texts into tokens.")
        .reads::<Lenient<Tokenize>>(&json!({"inputs": ["Ada is a person.", "It rains."]}))
        .answers::<Vec<Vec<SimpleToken>>>();
    document
        .post("/decode", "Spells token ids as texts.")
        .reads::<Lenient<Decode>>(&json!({"ids": [[1, 2], [3]]}))
        .answers::<Vec<String>>();
    document.get("/health", "Answers with 200 while the model is ready.").answers_nothing();
}

by_hand! {
    TextsOrPairs, "TextsOrPairs", {
        "description": "A text, a text or a pair of texts in a list, or a list of such lists.",
        "anyOf": [
            {"type": "string", "minLength": 1},
            {
                "type": "array",
                "items": {"type": "string"},
                "prefixItems": [{"type": "string", "minLength": 1}],
                "minItems": 1,
                "maxItems": 2,
            },
            {
                "type": "array",
                "items": {
                    "type": "array",
                    "items": {"type": "string"},
                    "prefixItems": [{"type": "string", "minLength": 1}],
                    "minItems": 1,
                    "maxItems": 2,
                },
                "minItems": 1,
            },
        ],
    }
}
