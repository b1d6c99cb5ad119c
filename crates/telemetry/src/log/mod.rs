//! What is logged about requests.

pub(crate) mod fields;
mod json;

use tracing::Span;
use tracing::field::Empty;

use crate::trace::RequestTrace;

pub use json::json_lines;

/// The fields that tie what is logged to a trace.
pub(crate) const TRACE_ID: &str = "trace_id";
pub(crate) const SPAN_ID: &str = "span_id";

/// The span that a request is answered in, so that whatever is logged meanwhile names it.
/// `function` and `version` are recorded into it when they are known. It is of the highest level:
/// a log that shows nothing but errors names their requests, too.
pub fn request_span(trace: &RequestTrace, request_id: &str) -> Span {
    tracing::error_span!(
        "request",
        request_id,
        trace_id = %trace.own.trace,
        span_id = %trace.own.span,
        function = Empty,
        version = Empty,
    )
}
