//! `POST /v1/redact`: what the function is asked, and what is made of its answer.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode, header};
use pilotlight_deidentify::{Deidentified, Deidentifier, Entity, Refused};
use pilotlight_model::Labels;
use pilotlight_router::VERSION_HEADER;
use pilotlight_wire::{GuestTimings, JsonError, Object, parse_json};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use wasmtime_wasi_http::WasiBody;

use super::error::DeidentificationError;
use crate::deploy::Declared;
use crate::request::{Body, REQUEST_ID, RequestContext, collect, whole};

/// Longest answer of a function that is looked into.
const LONGEST_ANSWER: usize = 32 << 20;
/// Longest label, in bytes, of a function whose labels are not known.
const LONGEST_LABEL: usize = 64;
/// Header that the host itself has put on the function's answer where it is told to, beside
/// [`VERSION_HEADER`].
const SERVER_TIMING: &str = "server-timing";
/// A header of the function's that has a number, beside those of [`GuestTimings`].
const RETRY_AFTER: &str = "retry-after";

/// `POST /v1/redact`, as the function has it, too.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RedactRequest {
    text: String,
    #[serde(default, deserialize_with = "given")]
    entities: Option<Vec<Given>>,
    #[serde(default)]
    pub(super) placeholder: Option<String>,
}

impl RedactRequest {
    /// Asks for the entities of a text.
    pub(super) fn of(text: String) -> Self {
        Self { text, entities: None, placeholder: None }
    }
}

/// `POST /v1/reidentify`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReidentifyRequest {
    pub(super) text: String,
}

/// An entity that the request brings along. Whatever else it carries is ignored, such as words.
#[derive(Serialize, Deserialize)]
struct Given {
    #[serde(alias = "entity_group", alias = "entity")]
    label: String,
    start: usize,
    end: usize,
    #[serde(default = "certain", deserialize_with = "score")]
    score: f32,
}

fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<Given>>, D::Error> {
    let entities = Option::<Vec<Object<Given>>>::deserialize(from)?;
    Ok(entities.map(|entities| entities.into_iter().map(|Object(given)| given).collect()))
}

fn certain() -> f32 {
    1.0
}

fn score<'de, D: Deserializer<'de>>(from: D) -> Result<f32, D::Error> {
    Option::deserialize(from).map(|score| score.unwrap_or_else(certain))
}

/// What the function is asked: where something is.
#[derive(Serialize)]
struct Question<'a> {
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    entities: &'a Option<Vec<Given>>,
}

/// What it answers, as far as that is of interest.
#[derive(Deserialize)]
struct Answer {
    entities: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    #[serde(rename = "entity_group")]
    label: String,
    /// Labels of entities that overlapped and were joined with this one.
    #[serde(default)]
    also_labels: Vec<String>,
    score: f32,
    start: usize,
    end: usize,
}

/// `{"text", "entities"}`.
#[derive(Serialize)]
struct Redacted {
    text: String,
    entities: Vec<pilotlight_deidentify::Span>,
}

/// What the host keeps of a request while the function answers.
pub(crate) struct Kept {
    text: String,
    /// Where the entities are that the request brought along and that are to be de-identified.
    given: Vec<Range<usize>>,
    deidentify: Deidentifier,
    declared: Option<Arc<Declared>>,
}

/// Reads a request. What is wrong with it is told by its place alone: serde's messages repeat
/// values.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, DeidentificationError> {
    let at = |error: serde_json::Error| format!("line {} column {}", error.line(), error.column());
    parse_json(body).map_err(|error| match error {
        JsonError::Syntax(error) => {
            DeidentificationError::Malformed(format!("not valid JSON at {}", at(error)))
        }
        JsonError::Shape(error) => {
            let wrong = "a key is unknown, missing or has the wrong type";
            DeidentificationError::Invalid(format!(
                "expected {{\"text\": \"…\"}}: {wrong} at {}",
                at(error)
            ))
        }
        error if error.is_json() => DeidentificationError::Invalid(error.to_string()),
        error => DeidentificationError::Malformed(error.to_string()),
    })
}

/// What to ask the function, and what to keep.
///
/// # Errors
/// [`DeidentificationError::Invalid`] for entities that do not lie in the text, or whose labels the model does not
/// have: it is not known whether they are to be de-identified.
pub(super) fn ask(
    mut head: Parts,
    request: RedactRequest,
    (deidentify, declared): (Deidentifier, Option<Arc<Declared>>),
) -> Result<(Request<WasiBody>, Kept), DeidentificationError> {
    let RedactRequest { text, mut entities, .. } = request;
    let labels = declared.as_deref().and_then(|declared| declared.labels.as_ref());
    check_given(&text, entities.as_deref_mut().unwrap_or_default(), labels)?;
    let given = entities.iter().flatten().filter(|given| {
        deidentify.deidentifies(&given.label) && deidentify.reaches(&given.label, given.score)
    });
    let given = given.map(|given| given.start..given.end).filter(|place| !place.is_empty());
    let given = given.collect();
    let question = Question { text: &text, entities: &entities };
    // None of its types provokes an error.
    let question = serde_json::to_vec(&question).unwrap_or_default();
    for name in [header::TRANSFER_ENCODING, header::CONTENT_ENCODING, header::ACCEPT_ENCODING] {
        head.headers.remove(name);
    }
    head.headers.insert(header::CONTENT_LENGTH, question.len().into());
    head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let kept = Kept { text, given, deidentify, declared };
    Ok((Request::from_parts(head, whole(question.into())), kept))
}

/// Checks entities of a request, and has them labeled by groups of the model.
fn check_given(
    text: &str,
    given: &mut [Given],
    labels: Option<&Labels>,
) -> Result<(), DeidentificationError> {
    let length = text.chars().count();
    for (index, given) in given.iter_mut().enumerate() {
        if given.start > given.end || given.end > length {
            return Err(DeidentificationError::Invalid(format!(
                "entities[{index}] is outside of the text, which has {length} code points"
            )));
        }
        let Some(labels) = labels else { continue };
        let Some(group) = labels.resolve(&given.label) else {
            let known = labels.groups().iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            return Err(DeidentificationError::Invalid(format!(
                "entities[{index}] has a label that the model does not have; its labels are {known}"
            )));
        };
        given.label = group.to_owned();
    }
    Ok(())
}

impl Kept {
    /// The answer: the text that was kept, de-identified where the function has found something. With
    /// the `server-timing` of the function's answer if that is `timed` by the host.
    pub(crate) async fn finish(
        self,
        answer: Response<Body>,
        timed: bool,
        context: &RequestContext,
    ) -> Response<Body> {
        let (head, body) = answer.into_parts();
        let mut response = match self.deidentify(head.status, body).await {
            Ok(redacted) => Body::json(StatusCode::OK, &redacted),
            Err(refusal) => {
                if let DeidentificationError::Unusable(reason) = &refusal {
                    context.within(|| tracing::error!(reason, "the answer is not de-identified"));
                }
                refusal.response(context)
            }
        };
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, context.id().clone());
        for (name, value) in &head.headers {
            let own = *name == VERSION_HEADER || (timed && *name == SERVER_TIMING);
            let number = || value.to_str().is_ok_and(|value| value.parse::<f64>().is_ok());
            if own || (tells_a_number(name.as_str()) && number()) {
                headers.insert(name, value.clone());
            }
        }
        response
    }

    /// The text of the answer.
    pub(super) async fn text(
        &self,
        status: StatusCode,
        body: Body,
    ) -> Result<String, DeidentificationError> {
        Ok(self.deidentify(status, body).await?.text)
    }

    async fn deidentify(
        &self,
        status: StatusCode,
        body: Body,
    ) -> Result<Redacted, DeidentificationError> {
        if status != StatusCode::OK {
            let refused = status.is_client_error() || status.is_server_error();
            let status = if refused { status } else { StatusCode::INTERNAL_SERVER_ERROR };
            return Err(DeidentificationError::Function(status));
        }
        let unusable = |reason: &str| DeidentificationError::Unusable(reason.to_owned());
        let body = collect(body, LONGEST_ANSWER).await;
        let body = body.map_err(|_| unusable("the function's answer is too long or incomplete"))?;
        let answer: Answer = serde_json::from_slice(&body)
            .map_err(|_| unusable("the function's answer to /v1/redact contains no entities"))?;
        let labels = self
            .declared
            .as_deref()
            .and_then(|declared| declared.labels.as_ref())
            .map(Labels::groups);
        let entities = answer.entities.iter().map(|found| self.entity(found, labels));
        let entities = entities.collect::<Result<Vec<Entity<'_>>, DeidentificationError>>()?;
        let deidentified = self.deidentify.deidentify(&self.text, &entities);
        let Deidentified { text, spans } = deidentified.map_err(|error| refusal(&error))?;
        let places = spans.iter().filter(|span| span.deidentified).map(|span| &span.original);
        if !self.given.iter().all(|given| covers(places.clone(), given)) {
            return Err(unusable("the function's answer lacks entities of the request"));
        }
        Ok(Redacted { text, entities: spans })
    }

    /// What is de-identified of an entity of the function's; `labels` are those that it may have.
    fn entity<'a>(
        &self,
        found: &'a Found,
        labels: Option<&BTreeSet<String>>,
    ) -> Result<Entity<'a>, DeidentificationError> {
        let Found { label, also_labels, score, start, end } = found;
        let unusable = |reason: &str| Err(DeidentificationError::Unusable(reason.to_owned()));
        let known = |label: &String| match labels {
            Some(labels) => labels.contains(label),
            // Of others nothing is known, but that no label is a text.
            None => (1..=LONGEST_LABEL).contains(&label.len()),
        };
        if !std::iter::once(label).chain(also_labels).all(known) {
            return unusable(
                "the function returned a label that is not in its component's manifest",
            );
        }
        if !score.is_finite() {
            return unusable("the function returned a score that is not a number");
        }
        // Of several labels one that is to be de-identified is enough.
        let mut all = std::iter::once(label).chain(also_labels);
        let counts = |label: &&String| {
            self.deidentify.deidentifies(label) && self.deidentify.reaches(label, *score)
        };
        let label = all.find(counts).unwrap_or(label);
        Ok(Entity { label, score: *score, start: *start, end: *end })
    }
}

fn tells_a_number(header: &str) -> bool {
    header == RETRY_AFTER || GuestTimings::HEADERS.contains(&header)
}

/// What comes of entities of the function's that cannot be de-identified. Not even labels are told: what
/// a function says is in no log.
fn refusal(error: &Refused) -> DeidentificationError {
    match error {
        Refused::Blocked(_) => DeidentificationError::Blocked,
        Refused::Exhausted(_) | Refused::Random(_) => {
            DeidentificationError::Unusable(error.to_string())
        }
        _ => DeidentificationError::Unusable(
            "the function's entities cannot be de-identified".to_owned(),
        ),
    }
}

/// Whether `places`, in the order of the text, have no gap within `range`.
fn covers<'a>(places: impl Iterator<Item = &'a Range<usize>>, range: &Range<usize>) -> bool {
    let mut covered = range.start;
    for place in places {
        if place.start <= covered && covered < place.end {
            covered = place.end;
        }
    }
    covered >= range.end
}
