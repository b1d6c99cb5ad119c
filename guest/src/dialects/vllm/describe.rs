//! What the OpenAPI document says of vLLM's routes.

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use super::classify::{Classified, ClassifyRequest};
use super::pooling::{Item, PoolingRequest};
use super::score::{Score, ScoreRequest};
use super::{List, Settings};
use crate::dialects::schema::{Document, lenient};

/// Describes the routes.
pub(in crate::dialects) fn describe(document: &mut Document) {
    let texts = json!({"input": ["Ada is a person.", "It rains."]});
    document.tag("vLLM");
    document
        .post("/classify", "Computes the scores of all labels for each text.")
        .reads::<With<ClassifyRequest>>(&texts)
        .answers::<List<'_, Classified>>();
    document
        .post("/pooling", "Computes what the model makes of each text or token.")
        .reads::<With<PoolingRequest>>(&texts)
        .answers::<List<'_, Item>>();
    for path in ["/score", "/v1/score"] {
        document
            .post(path, "Computes how well texts go with each other.")
            .reads::<With<ScoreRequest>>(&json!({
                "text_1": "Who is Ada?",
                "text_2": ["Ada is a person.", "It rains."],
            }))
            .answers::<List<'_, Score>>();
    }
}

/// A request with the keys of all requests.
struct With<T>(PhantomData<T>);

impl<T: JsonSchema> JsonSchema for With<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut request = T::json_schema(generator);
        let mut settings = Settings::json_schema(generator);
        let keys = settings.remove("properties");
        let keys = keys.and_then(|keys| keys.as_object().cloned()).unwrap_or_default();
        let properties = request.get_mut("properties").and_then(Value::as_object_mut);
        properties.into_iter().for_each(|properties| properties.extend(keys.clone()));
        lenient(request)
    }
}
