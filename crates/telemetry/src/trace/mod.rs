//! W3C Trace Context: the trace that a request belongs to, and sampling.
//! A leaf: `log`, `otlp` and the host use it. Does not know exporters.

mod id;
mod parent;
mod sampler;
mod state;

use http::{HeaderMap, HeaderName, HeaderValue};

#[cfg(feature = "otlp")]
pub(crate) use id::draw_share;
pub use id::{SpanId, TraceId};
pub use parent::TraceParent;
pub use sampler::{BadRatio, Sampler};
pub use state::TraceState;

const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACE_STATE: HeaderName = HeaderName::from_static("tracestate");

/// A request's place in its trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestTrace {
    /// Context for requests that this span sends: the trace, this span, and whether it is recorded.
    pub own: TraceParent,
    /// The span that the request comes from, when it is not the trace's first.
    pub parent: Option<SpanId>,
    /// Trace state, which is passed on.
    pub state: TraceState,
}

impl RequestTrace {
    /// Goes on with the trace that a request's headers tell of. Without one, with two, or with one
    /// that is not valid, a new trace begins, and `sampler` says whether it is recorded.
    pub fn begin(headers: &HeaderMap, sampler: Sampler) -> Self {
        let span = SpanId::draw();
        let mut parents = headers.get_all(TRACE_PARENT).iter();
        let parent = match (parents.next(), parents.next()) {
            (Some(only), None) => TraceParent::parse(only.as_bytes()),
            _ => None,
        };
        let Some(parent) = parent else {
            let trace = TraceId::draw();
            let own = TraceParent { trace, span, sampled: sampler.takes(trace), random: true };
            return Self { own, parent: None, state: TraceState::default() };
        };
        let states = headers.get_all(TRACE_STATE).iter().map(HeaderValue::as_bytes);
        let state = TraceState::parse(states).unwrap_or_default();
        Self { own: TraceParent { span, ..parent }, parent: Some(parent.span), state }
    }

    /// Puts the trace into the headers of a request that is made on behalf of this one, in the
    /// place of what stands there.
    pub fn inject(&self, headers: &mut HeaderMap) {
        headers.remove(TRACE_STATE);
        // Neither holds anything that a header may not.
        if let Ok(value) = HeaderValue::from_str(&self.own.to_string()) {
            headers.insert(TRACE_PARENT, value);
        }
        if let Ok(value) = HeaderValue::from_str(self.state.as_str())
            && !value.is_empty()
        {
            headers.insert(TRACE_STATE, value);
        }
    }
}
