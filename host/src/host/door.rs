//! What is said of a request by its head alone, before its body is read.

use http::request::Parts;
use http::{HeaderMap, Response, StatusCode};
use pilotlight_telemetry::ErrorKind;

use super::{DEFAULT_FUNCTION, Host};
use crate::body::Body;
use crate::telemetry::Exchange;

impl Host {
    /// Answers a request that may not ask, if its head tells; one that may is marked, and not asked
    /// again who it is from.
    pub(crate) fn turn_away(&self, head: &mut Parts) -> Option<Response<Body>> {
        self.table().routing.as_ref()?.turn_away(head, &self.0.telemetry)
    }

    /// Longest body that is taken by any function to which a request with this head may go; unknown
    /// where a tester chooses the function, or there is none.
    pub(crate) fn body_limit(&self, head: &Parts) -> Option<u64> {
        let table = self.table();
        match &table.routing {
            Some(routing) => routing.body_limit(head, &|target| table.find(target)),
            None => Some(table.deployments.get(DEFAULT_FUNCTION)?.current().accepted_body()),
        }
    }

    /// Counts a request that a server has refused.
    pub(crate) fn refused(&self, head: &Parts, kind: ErrorKind, status: StatusCode) {
        let mut exchange = Exchange::begin(&self.0.telemetry, head);
        exchange.failed(kind);
        exchange.answered(status, &HeaderMap::new());
    }
}
