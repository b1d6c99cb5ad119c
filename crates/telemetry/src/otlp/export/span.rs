//! A request as spans: one of the server, and one for each of its stages.

use std::time::Duration;

use http::{Method, StatusCode};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::{Span, SpanFlags, Status, status};

use super::resource::{attribute, unix_nanoseconds};
use crate::otlp::request::RequestSpan;
use crate::outcome::Stage;
use crate::trace::{RequestTrace, SpanId};

/// It is known whether the parent is remote.
const KNOWN: u32 = SpanFlags::ContextHasIsRemoteMask as u32;
/// The parent is remote.
const REMOTE: u32 = SpanFlags::ContextIsRemoteMask as u32;

/// How many spans a request has.
pub(super) fn count(request: &RequestSpan) -> u64 {
    let stages = Stage::ALL.iter().filter_map(|stage| request.observation.stages.get(*stage));
    1 + stages.count() as u64
}

/// The spans of a request. Of its stages only the time is known that they took: each begins where
/// the one before it ended, and those of the guest where the guest began.
pub(super) fn spans(trace: &RequestTrace, request: &RequestSpan) -> Vec<Span> {
    let mut spans = vec![server_span(trace, request)];
    let (mut parent, mut at) = (0, spans[0].start_time_unix_nano);
    for stage in Stage::ALL {
        let Some(time) = request.observation.stages.get(stage) else { continue };
        let span = child(&spans[0], &spans[parent], stage, (at, time));
        if stage == Stage::Guest {
            parent = spans.len();
        } else {
            at = span.end_time_unix_nano;
        }
        spans.push(span);
    }
    spans
}

fn server_span(trace: &RequestTrace, request: &RequestSpan) -> Span {
    let start = unix_nanoseconds(request.began);
    let parent = trace.parent.map(|span| span.bytes().to_vec());
    let method = known_method(&request.method);
    let name = match &request.route {
        Some(route) => format!("{} {route}", method.unwrap_or("HTTP")),
        None => method.unwrap_or("HTTP").to_owned(),
    };
    let failed = request.observation.status.is_server_error();
    let code = if failed { status::StatusCode::Error } else { status::StatusCode::Unset };
    let remote = if parent.is_some() { REMOTE } else { 0 };
    Span {
        trace_id: trace.own.trace.bytes().to_vec(),
        span_id: trace.own.span.bytes().to_vec(),
        trace_state: trace.state.to_string(),
        parent_span_id: parent.unwrap_or_default(),
        name,
        kind: SpanKind::Server.into(),
        start_time_unix_nano: start,
        end_time_unix_nano: end(start, request.observation.total),
        attributes: attributes(request),
        status: Some(Status { code: code.into(), ..Status::default() }),
        flags: u32::from(trace.own.flags()) | KNOWN | remote,
        ..Span::default()
    }
}

/// By OpenTelemetry's semantic conventions for HTTP servers, and what they have no words for.
fn attributes(request: &RequestSpan) -> Vec<KeyValue> {
    let status = request.observation.status;
    let mut all = vec![
        attribute("http.request.method", known_method(&request.method).unwrap_or("_OTHER")),
        attribute("url.scheme", request.scheme),
        attribute("url.path", &request.path[..]),
        attribute("http.response.status_code", i64::from(status.as_u16())),
    ];
    let error = request.observation.kind.map(|kind| kind.name().to_owned());
    let more = [
        ("http.route", request.route.clone()),
        ("error.type", error.or_else(|| failure(status))),
        ("pilotlight.function", request.function.clone()),
        ("pilotlight.version", request.version.clone()),
    ];
    all.extend(more.into_iter().filter_map(|(key, value)| Some(attribute(key, value?))));
    all
}

fn failure(status: StatusCode) -> Option<String> {
    status.is_server_error().then(|| status.as_str().to_owned())
}

/// Methods of RFC 9110 and RFC 5789; others could be anything.
fn known_method(method: &Method) -> Option<&str> {
    let known = [
        Method::CONNECT,
        Method::DELETE,
        Method::GET,
        Method::HEAD,
        Method::OPTIONS,
        Method::PATCH,
        Method::POST,
        Method::PUT,
        Method::TRACE,
    ];
    known.contains(method).then_some(method.as_str())
}

fn end(start: u64, time: Duration) -> u64 {
    start.saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

/// A stage of the request of `server`, than which none lasts longer.
fn child(server: &Span, parent: &Span, stage: Stage, (start, time): (u64, Duration)) -> Span {
    Span {
        trace_id: server.trace_id.clone(),
        span_id: SpanId::draw().bytes().to_vec(),
        trace_state: server.trace_state.clone(),
        parent_span_id: parent.span_id.clone(),
        name: stage.name().to_owned(),
        kind: SpanKind::Internal.into(),
        start_time_unix_nano: start,
        end_time_unix_nano: end(start, time).min(server.end_time_unix_nano),
        flags: server.flags & !REMOTE,
        ..Span::default()
    }
}
