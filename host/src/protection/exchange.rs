//! What the function is asked, and what is made of its answer.

use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use pilotlight_privacy::{Entity, Protected, Protection, Refused};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use wasmtime_wasi_http::WasiBody;

use super::refusal::Refusal;
use super::whole;
use crate::body::Body;
use crate::request_id::REQUEST_ID;
use crate::telemetry::Exchange;

/// Longest answer of a function that is looked into.
const LONGEST_ANSWER: usize = 32 << 20;
/// Headers that the host itself has put on the function's answer; the second only where it is told
/// to.
const VERSION: &str = "x-pilotlight-version";
const SERVER_TIMING: &str = "server-timing";
/// Headers of the function's, which have a number.
const NUMBERS: [&str; 4] =
    ["retry-after", "x-total-time", "x-tokenization-time", "x-inference-time"];

/// `POST /v1/redact`, as the function has it, too.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RedactRequest {
    text: String,
    #[serde(default)]
    entities: Option<Vec<Given>>,
    #[serde(default)]
    pub(super) placeholder: Option<String>,
}

/// `POST /v1/restore`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RestoreRequest {
    pub(super) text: String,
}

/// An entity that the request brings along. Whatever else it carries is ignored, such as words.
#[derive(Serialize, Deserialize)]
struct Given {
    #[serde(alias = "entity_group", alias = "entity")]
    label: String,
    start: usize,
    end: usize,
    #[serde(default = "certain")]
    score: f32,
}

fn certain() -> f32 {
    1.0
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
    score: f32,
    start: usize,
    end: usize,
}

/// `{"text", "entities"}`.
#[derive(Serialize)]
struct Redacted {
    text: String,
    entities: Vec<pilotlight_privacy::Span>,
}

/// What the host keeps of a request while the function answers.
pub(crate) struct Kept {
    text: String,
    /// Whether the request brought the entities along, so that it is to blame for them.
    given: bool,
    protection: Protection,
}

/// Reads a request. What is wrong with it is told by its place alone: serde's messages repeat
/// values.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let at = |error: serde_json::Error| format!("line {} column {}", error.line(), error.column());
    if let Err(error) = serde_json::from_slice::<IgnoredAny>(body) {
        return Err(Refusal::Malformed(format!("not valid JSON at {}", at(error))));
    }
    serde_json::from_slice(body).map_err(|error| {
        let wrong = "a key is unknown, missing or of a wrong type";
        Refusal::Invalid(format!("expected {{\"text\": \"…\"}}: {wrong} at {}", at(error)))
    })
}

/// What to ask the function, and what to keep.
pub(super) fn ask(
    mut head: Parts,
    request: RedactRequest,
    protection: Protection,
) -> (Request<WasiBody>, Kept) {
    let RedactRequest { text, entities, .. } = request;
    let question = Question { text: &text, entities: &entities };
    // None of its types provokes an error.
    let question = serde_json::to_vec(&question).unwrap_or_default();
    for name in [header::TRANSFER_ENCODING, header::CONTENT_ENCODING, header::ACCEPT_ENCODING] {
        head.headers.remove(name);
    }
    head.headers.insert(header::CONTENT_LENGTH, question.len().into());
    head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let kept = Kept { text, given: entities.is_some(), protection };
    (Request::from_parts(head, whole(question.into())), kept)
}

impl Kept {
    /// The answer: the text that was kept, protected where the function has found something. With
    /// the `server-timing` of the function's answer if that is `timed` by the host.
    pub(crate) async fn finish(
        self,
        answer: Response<Body>,
        timed: bool,
        exchange: &mut Exchange,
    ) -> Response<Body> {
        let (head, body) = answer.into_parts();
        let mut response = match self.protect(head.status, body).await {
            Ok(redacted) => Body::json(StatusCode::OK, &redacted),
            Err(refusal) => {
                if let Refusal::Unusable(reason) = &refusal {
                    let caption = exchange.caption();
                    caption.within(|| tracing::error!(reason, "the answer is not protected"));
                }
                refusal.response(exchange)
            }
        };
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, exchange.caption().id().clone());
        for (name, value) in &head.headers {
            let own = *name == VERSION || (timed && *name == SERVER_TIMING);
            let number = || value.to_str().is_ok_and(|value| value.parse::<f64>().is_ok());
            if own || (NUMBERS.contains(&name.as_str()) && number()) {
                headers.insert(name, value.clone());
            }
        }
        response
    }

    async fn protect(&self, status: StatusCode, body: Body) -> Result<Redacted, Refusal> {
        if status != StatusCode::OK {
            let refused = status.is_client_error() || status.is_server_error();
            let status = if refused { status } else { StatusCode::INTERNAL_SERVER_ERROR };
            return Err(Refusal::Function(status));
        }
        let unusable = |reason: &str| Refusal::Unusable(reason.to_owned());
        let body = Limited::new(body, LONGEST_ANSWER).collect().await;
        let body = body.map_err(|_| unusable("the function's answer is too long or broke off"))?;
        let answer: Answer = serde_json::from_slice(&body.to_bytes())
            .map_err(|_| unusable("the function does not answer /v1/redact with entities"))?;
        let entities: Vec<Entity<'_>> = answer.entities.iter().map(Found::entity).collect();
        let protected = self.protection.protect(&self.text, &entities);
        let Protected { text, spans } = protected.map_err(|error| self.refusal(&error))?;
        Ok(Redacted { text, entities: spans })
    }

    fn refusal(&self, error: &Refused) -> Refusal {
        match error {
            Refused::Exhausted(_) | Refused::Random(_) => Refusal::Unusable(error.to_string()),
            _ if self.given => Refusal::Invalid(error.to_string()),
            // Not even labels: what a function says is in no log.
            _ => Refusal::Unusable("the function's entities cannot be protected".to_owned()),
        }
    }
}

impl Found {
    fn entity(&self) -> Entity<'_> {
        Entity { label: &self.label, score: self.score, start: self.start, end: self.end }
    }
}
