//! GLiNER's servers, by a model with labels of its own: `/gliner` as the gliner package serves it, and
//! `/v1/extract` as NeMo Guardrails asks for it. Labels of a request choose among those of the model.

use pilotlight_model::Task;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::object::{Object, read};
use super::route::{Answer, Call, Requires, Route};
#[cfg(feature = "schema")]
use super::schema::{Document, Lenient};
use crate::api::ApiError;
use crate::model::{TextModel, Usage};
use crate::tasks::request::OneOrMany;
use crate::tasks::token_classification::{Entity, RedactRequest};
use crate::text::CodePoints;

pub(super) const ROUTES: &[Route] = &[
    Route::post("/gliner", TOKENS, |call| answer(call, call.json()?)),
    Route::post("/v1/extract", TOKENS, extract),
];

const TOKENS: Requires = Requires::Task(Task::TokenClassification);

#[derive(Debug, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(transform = crate::tasks::schema::alias("labels", "entity_types"))
)]
struct ExtractRequest {
    text: OneOrMany<String>,
    /// All labels of the model unless given. What is no label of the model finds nothing.
    #[serde(default, alias = "entity_types")]
    labels: Option<Labels>,
    /// The least score of an entity.
    #[serde(default = "half")]
    threshold: f32,
}

fn half() -> f32 {
    0.5
}

/// `["person", …]`, or an object that says what each label means.
#[derive(Debug)]
struct Labels(Vec<String>);

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let label = |value| match value {
            Value::String(label) => Some(label),
            _ => None,
        };
        let labels: Option<Vec<String>> = match Value::deserialize(from)? {
            Value::Array(labels) => labels.into_iter().map(label).collect(),
            Value::Object(labels) => Some(labels.into_iter().map(|(label, _)| label).collect()),
            _ => None,
        };
        let expected = || D::Error::custom("expected a list of strings, or an object of them");
        labels.map(Self).ok_or_else(expected)
    }
}

/// An entity; places in code points.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "FoundEntity"))]
struct Found {
    start: usize,
    end: usize,
    text: String,
    label: String,
    score: f32,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Entities {
    entities: Vec<Found>,
}

/// One text's entities, or those of each text of a list.
///
/// # Errors
/// [`ApiError`].
pub(super) fn answer(call: &mut Call<'_>, mut body: Object) -> Result<Answer, ApiError> {
    let request: ExtractRequest = read(&mut body)?;
    let answers = request.each(call, |_, entities| Entities { entities })?;
    Answer::json(&request.text.answer(answers))
}

/// The answer of NeMo Guardrails' server.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Extracted {
    entities: Vec<Suggested>,
    total_entities: usize,
    /// The text with entities as links: `[Ada](person) met …`.
    tagged_text: String,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "SuggestedEntity"))]
struct Suggested {
    value: String,
    suggested_label: String,
    start_position: usize,
    end_position: usize,
    score: f32,
}

fn extract(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    let request: ExtractRequest = call.read()?;
    let answers = request.each(call, |text, entities| Extracted {
        total_entities: entities.len(),
        tagged_text: tag(text, &entities),
        entities: entities.into_iter().map(Suggested::from).collect(),
    })?;
    Answer::json(&request.text.answer(answers))
}

impl From<Found> for Suggested {
    fn from(Found { start, end, text, label, score }: Found) -> Self {
        let (start_position, end_position) = (start, end);
        Self { value: text, suggested_label: label, start_position, end_position, score }
    }
}

fn tag(text: &str, entities: &[Found]) -> String {
    let points = CodePoints::new(text);
    let mut tagged = String::new();
    let mut position = 0;
    for Found { start, end, text, label, .. } in entities {
        tagged.push_str(points.slice(position, *start));
        tagged.push_str(&format!("[{text}]({label})"));
        position = *end;
    }
    tagged.push_str(points.slice(position, points.len()));
    tagged
}

impl ExtractRequest {
    /// An answer for each text.
    fn each<A>(
        &self,
        call: &mut Call<'_>,
        answer: fn(&str, Vec<Found>) -> A,
    ) -> Result<Vec<A>, ApiError> {
        let model = call.text()?;
        let texts = self.text.items(model.manifest.limits.max_inputs)?;
        let find = |text: &String| Ok(answer(text, self.find(model, text, call.usage)?));
        texts.iter().map(find).collect()
    }

    /// The entities of a text, as redaction finds them: whole words that do not overlap.
    fn find(
        &self,
        model: &TextModel,
        text: &str,
        usage: &mut Usage,
    ) -> Result<Vec<Found>, ApiError> {
        let request = RedactRequest {
            text: text.to_owned(),
            entities: None,
            placeholder: Some(String::new()),
            explain: false,
        };
        let entities = model.redact(request, usage)?.entities.into_iter();
        Ok(entities.filter_map(|entity| self.chosen(entity)).collect())
    }

    /// An entity under the label that the request has for it, if it is wanted.
    fn chosen(&self, entity: Entity) -> Option<Found> {
        let Entity { entity_group, score, word, start, end, .. } = entity;
        let group = entity_group.filter(|_| score >= self.threshold)?;
        let label = match &self.labels {
            Some(Labels(labels)) => {
                labels.iter().find(|label| plain(label) == plain(&group))?.clone()
            }
            None => group,
        };
        Some(Found { start, end, text: word, label, score })
    }
}

/// A label without what clients write in many ways: capitals, and what stands between words.
fn plain(label: &str) -> String {
    let plain = |letter| if matches!(letter, '_' | '-') { ' ' } else { letter };
    label.to_lowercase().chars().map(plain).collect()
}

/// Describes the routes.
#[cfg(feature = "schema")]
pub(super) fn describe(document: &mut Document) {
    use crate::tasks::request::Answer;
    let example = serde_json::json!({
        "text": "Ada met Bob in Paris.",
        "labels": ["person", "location"],
        "threshold": 0.5,
    });
    document.tag("GLiNER");
    document
        .post("/gliner", "Finds the entities of texts, as gliner's server does.")
        .reads::<Lenient<ExtractRequest>>(&example)
        .answers::<Answer<Entities>>();
    document
        .post("/v1/extract", "Finds the entities of texts, as NeMo Guardrails asks for them.")
        .reads::<Lenient<ExtractRequest>>(&example)
        .answers::<Answer<Extracted>>();
}

#[cfg(feature = "schema")]
crate::tasks::schema::by_hand! {
    Labels, "LabelsToFind", {
        "description": "Names of labels, or an object that says what each means.",
        "type": ["array", "object"],
        "items": {"type": "string"},
    }
}
