//! `POST /v1/redact/stream`: texts are redacted while they pass.

use std::time::Duration;

use pilotlight_model::Task;
use pilotlight_recognizers::Segments;
use pilotlight_streams::{Failure, Form, Rewrite, Stream, StreamError};

use super::route::{Answer, Call, Requires, Route, Target, text_of};
#[cfg(feature = "schema")]
use super::schema::Document;
use super::session::{Opened, Session, SessionRoute, whole};
use crate::api::ApiError;
use crate::function::Function;
use crate::model::{TextModel, Usage};
use crate::tasks::token_classification::RedactRequest;

const PATH: &str = "/v1/redact/stream";
const TEXT: &str = "text/plain";
const UTF_8: &str = "text/plain; charset=utf-8";
const EVENTS: &str = "text/event-stream";
/// Character sets whose texts are UTF-8.
const CHARSETS: [&str; 3] = ["utf-8", "utf8", "us-ascii"];
/// Time that a segment may wait behind those of other sessions.
const PERIOD: Duration = Duration::from_millis(20);

pub(super) const ROUTES: &[Route] = &[Route {
    reads: &[TEXT, EVENTS],
    ..Route::post(PATH, Requires::Task(Task::TokenClassification), answer)
}];

/// Where texts are redacted while they come.
pub(super) const SESSIONS: &[SessionRoute] =
    &[SessionRoute { path: PATH, period: PERIOD, sockets: &[], open }];

fn answer(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    whole(call, open)
}

/// Begins a session.
fn open<'a>(function: &'a Function, target: &Target) -> Result<Opened<'a>, ApiError> {
    let model = text_of(function)?;
    let form = form(target)?;
    let content_type = if form == Form::Text { UTF_8 } else { EVENTS };
    let redaction =
        Redaction { model, placeholder: placeholder(target)?, stream: Stream::new(form) };
    Ok(Opened { content_type, session: Box::new(redaction) })
}

fn form(target: &Target) -> Result<Form, ApiError> {
    let content_type = target.content_type.as_deref().unwrap_or_default();
    if is(content_type, EVENTS) {
        return Ok(Form::Events);
    }
    let charset = content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then_some(value)
    });
    let charset = charset.map_or("utf-8", |value| value.trim().trim_matches('"'));
    if !CHARSETS.iter().any(|known| known.eq_ignore_ascii_case(charset)) {
        return Err(ApiError::UnsupportedMediaType {
            content_type: content_type.to_owned(),
            known: UTF_8.to_owned(),
        });
    }
    let accept = target.accept.as_deref().unwrap_or_default();
    let wants_events = accept.split(',').any(|range| is(range, EVENTS));
    Ok(if wants_events { Form::TextToEvents } else { Form::Text })
}

fn is(media_type: &str, essence: &str) -> bool {
    media_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(essence)
}

/// What stands for an entity, of the query.
fn placeholder(target: &Target) -> Result<Option<String>, ApiError> {
    let mut placeholder = None;
    for (name, value) in target.query() {
        match &name[..] {
            "placeholder" => placeholder = Some(value),
            other => return Err(ApiError::Invalid(format!("{other:?} is not a key of the query"))),
        }
    }
    Ok(placeholder)
}

struct Redaction<'a> {
    model: &'a TextModel,
    placeholder: Option<String>,
    stream: Stream<Segments>,
}

/// Redacts texts segment by segment.
struct Redactor<'a> {
    model: &'a TextModel,
    placeholder: Option<&'a str>,
    usage: &'a mut Usage,
}

impl Redactor<'_> {
    fn redact(&mut self, segments: Vec<String>) -> Result<String, ApiError> {
        let redacted = segments.into_iter().map(|text| {
            let placeholder = self.placeholder.map(str::to_owned);
            let request = RedactRequest { text, entities: None, placeholder, explain: false };
            Ok(self.model.redact(request, self.usage)?.text)
        });
        redacted.collect()
    }
}

impl Rewrite for Redactor<'_> {
    type Text = Segments;
    type Error = ApiError;

    fn push(&mut self, text: &mut Segments, chunk: &str) -> Result<String, ApiError> {
        self.redact(text.push(chunk))
    }

    fn finish(&mut self, text: Segments) -> Result<String, ApiError> {
        self.redact(text.finish())
    }
}

impl Session for Redaction<'_> {
    fn push(&mut self, bytes: &[u8], usage: &mut Usage, out: &mut Vec<u8>) -> Result<(), ApiError> {
        let Self { model, placeholder, stream } = self;
        let mut redactor = Redactor { model, placeholder: placeholder.as_deref(), usage };
        stream.push(bytes, &mut redactor, out).map_err(told)
    }

    fn finish(&mut self, usage: &mut Usage, out: &mut Vec<u8>) -> Result<(), ApiError> {
        let Self { model, placeholder, stream } = self;
        let mut redactor = Redactor { model, placeholder: placeholder.as_deref(), usage };
        stream.finish(&mut redactor, out).map_err(told)
    }

    fn fail(&self, error: &ApiError, out: &mut Vec<u8>) {
        let message = error.to_string();
        self.stream.fail(Failure { error_type: error.error_type(), message: &message }, out);
    }
}

fn told(error: StreamError<ApiError>) -> ApiError {
    match error {
        StreamError::Rewrite(error) => error,
        StreamError::TooLong { .. } => ApiError::TooLong(error.to_string()),
        StreamError::Encoding(_) | StreamError::Event { .. } => {
            ApiError::Malformed(error.to_string())
        }
    }
}

/// Describes the route.
#[cfg(feature = "schema")]
pub(super) fn describe(document: &mut Document) {
    use serde_json::json;
    document
        .post(PATH, "Redacts a text while it passes.")
        .reads_in(
            &[TEXT, EVENTS],
            &[("placeholder", "stands for an entity; [{label}] unless given")],
        )
        .answers_in(&json!({TEXT: {}, EVENTS: {}}));
}
