//! Pilotlight's own endpoints: redaction, and what there is to know of the model.

use pilotlight_model::Task;

use super::route::{Answer, Call, JSON, NOTHING, Requires, Route};
#[cfg(feature = "schema")]
use super::schema::Document;
use crate::api::ApiError;
use crate::tasks::token_classification::RedactRequest;

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: "POST",
        path: "/v1/redact",
        requires: Requires::Task(Task::TokenClassification),
        reads: JSON,
        answer: redact,
    },
    Route {
        method: "GET",
        path: "/info",
        requires: Requires::Nothing,
        reads: NOTHING,
        answer: info,
    },
];

fn redact(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    let request: RedactRequest = call.json()?;
    Answer::json(&call.text()?.redact(request, call.usage)?)
}

fn info(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    Ok(Answer::written(call.function.info().clone()))
}

/// Describes the routes.
#[cfg(feature = "schema")]
pub(super) fn describe(document: &mut Document) {
    use crate::function::Info;
    use crate::tasks::token_classification::Redacted;
    document.tag("Pilotlight");
    document
        .post("/v1/redact", "Replaces the entities of a text by placeholders.")
        .reads::<RedactRequest>(&serde_json::json!({"text": "Ada met Bob in Paris."}))
        .answers::<Redacted>();
    document.get("/info", "Describes the model.").answers::<Info>();
}
