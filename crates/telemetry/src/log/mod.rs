//! Log lines of requests, as text or JSON.
//! Used by `otlp` and the host. Does not know metrics.

#[cfg(feature = "log")]
pub(crate) mod fields;
#[cfg(feature = "log")]
mod json;

use tracing::Span;
use tracing::field::Empty;

use crate::trace::RequestTrace;

#[cfg(feature = "log")]
pub use json::json_lines;

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
