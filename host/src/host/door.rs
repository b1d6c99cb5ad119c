//! What is said of a request by its head alone, before its body is read.

use http::request::Parts;
use http::{HeaderMap, Response, StatusCode};
use pilotlight_telemetry::ErrorKind;

use super::Host;
use crate::body::Body;
use crate::telemetry::Exchange;

impl Host {
    /// Answers a request that may not ask, if its head tells; one that may is marked, and not asked
    /// again who it is from.
    pub(crate) fn turn_away(&self, head: &mut Parts) -> Option<Response<Body>> {
        self.table().routing.as_ref()?.turn_away(head, &self.0.telemetry)
    }

    /// Counts a request whose body did not come as it must.
    pub(crate) fn body_refused(&self, head: &Parts, kind: ErrorKind, status: StatusCode) {
        let mut exchange = Exchange::begin(&self.0.telemetry, head);
        exchange.failed(kind);
        exchange.answered(status, &HeaderMap::new());
    }
}
