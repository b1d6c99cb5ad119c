//! Connections that were refused.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use crate::catalog;
use crate::family::{Family, Series, Value, labels};

/// Reason why a connection was closed before a request was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedConnection {
    /// Its client has as many connections as one address may have.
    TooMany,
    /// A proxy did not say whose connection it is, or not as the PROXY protocol wants it.
    ProxyHeader,
}

const REASONS: [(RefusedConnection, &str); 2] =
    [(RefusedConnection::TooMany, "too_many"), (RefusedConnection::ProxyHeader, "proxy_header")];

#[derive(Debug, Default)]
pub(crate) struct Connections([AtomicU64; REASONS.len()]);

impl Connections {
    pub(crate) fn refused(&self, reason: RefusedConnection) {
        self.0[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn family(&self, since: SystemTime) -> Family {
        let series = REASONS.iter().map(|(reason, name)| Series {
            labels: labels([("reason", name)]),
            since,
            value: Value::Whole(self.0[*reason as usize].load(Ordering::Relaxed)),
        });
        Family::new(&catalog::CONNECTIONS_REFUSED, series.collect())
    }
}
