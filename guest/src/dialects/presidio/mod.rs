//! Presidio's analyzer and anonymizer: `/analyze`, `/anonymize`, `/deanonymize`, and their lists of names.
//! `/health` belongs to text-embeddings-inference.
//! Used by `dialects`. Does not know how entities are found.

mod analyze;
mod anonymize;
mod entities;
mod operators;

use std::collections::BTreeSet;

use pilotlight_model::Task;

use super::route::{Answer, Requires, Route};
#[cfg(feature = "schema")]
use super::schema::{Document, Lenient};
use crate::model::TextModel;

pub(super) const ROUTES: &[Route] = &[
    Route::post("/analyze", TOKENS, analyze::answer),
    Route::post("/anonymize", TOKENS, anonymize::answer),
    Route::post("/deanonymize", TOKENS, anonymize::restore),
    Route::get("/supportedentities", TOKENS, |call| Answer::json(&supported(call.text()?))),
    Route::get("/recognizers", TOKENS, |call| Answer::json(&recognizers(call.text()?))),
    Route::get("/anonymizers", TOKENS, |_| Answer::json(&operators::NAMES)),
    Route::get("/deanonymizers", TOKENS, |_| Answer::json(&["decrypt"])),
];

const TOKENS: Requires = Requires::Task(Task::TokenClassification);

/// Entities that a model and its recognizers find, by Presidio's names.
fn supported(model: &TextModel) -> BTreeSet<String> {
    let recognized = model.recognizers.iter().flat_map(|recognizers| recognizers.labels());
    let labels = model.labels.groups().iter().map(String::as_str).chain(recognized);
    labels.map(|label| entities::of_label(label).to_owned()).collect()
}

/// Names of what finds entities.
fn recognizers(model: &TextModel) -> Vec<String> {
    let options = model.recognizers.iter().map(|recognizers| recognizers.options());
    let names = options.flat_map(|options| options.names());
    std::iter::once(model.manifest.name.clone()).chain(names).collect()
}

/// Describes the routes.
#[cfg(feature = "schema")]
pub(super) fn describe(document: &mut Document) {
    use crate::tasks::request::Answer;
    document.tag("Presidio");
    document
        .post("/analyze", "Finds the entities of texts, as Presidio's analyzer does.")
        .reads::<Lenient<analyze::AnalyzeRequest>>(&serde_json::json!({
            "text": "Ada met Bob in Paris.",
            "language": "en",
        }))
        .answers::<Answer<Vec<analyze::Found>>>();
    document
        .post("/anonymize", "Replaces entities of a text, as Presidio's anonymizer does.")
        .reads::<Lenient<anonymize::AnonymizeRequest>>(&serde_json::json!({
            "text": "Ada met Bob in Paris.",
            "analyzer_results": [{"start": 0, "end": 3, "score": 0.9, "entity_type": "PERSON"}],
        }))
        .answers::<anonymize::Anonymized>();
    document
        .post("/deanonymize", "Decrypts what `/anonymize` encrypted.")
        .reads::<Lenient<anonymize::RestoreRequest>>(&serde_json::json!({
            "text": "Ada met Bob in Paris.",
            "anonymizer_results": [],
            "deanonymizers": {"DEFAULT": {"type": "decrypt", "key": "0123456789abcdef"}},
        }))
        .answers::<anonymize::Anonymized>();
    document
        .get("/supportedentities", "Lists the entities that are found.")
        .answers::<Vec<String>>();
    document.get("/recognizers", "Lists what finds entities.").answers::<Vec<String>>();
    document
        .get("/anonymizers", "Lists what can be put in the place of values.")
        .answers::<Vec<String>>();
    document.get("/deanonymizers", "Lists what can be undone.").answers::<Vec<String>>();
}
