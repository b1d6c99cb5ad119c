//! Pilotlight's own endpoints: redaction, and what there is to know of the model.

use pilotlight_model::Task;

use super::route::{Answer, Call, Requires, Route};
#[cfg(feature = "schema")]
use super::schema::Document;
use crate::api::ApiError;
use crate::tasks::token_classification::RedactRequest;

pub(super) const ROUTES: &[Route] = &[
    Route::post("/v1/redact", Requires::Task(Task::TokenClassification), redact),
    Route::get("/info", Requires::Nothing, info),
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
