//! The load of the whole server, under the names that endpoint pickers of Gateway API's inference extension read
//! (its model server protocol). They take one series without labels from each family.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

use crate::catalog;
use crate::collected::Collected;
use crate::family::{Description, Family, Series, Value};
use crate::function::Counts;

/// What `counts` and `collected` say, as gauges.
pub(crate) fn families(
    counts: &[Arc<Counts>],
    collected: &Collected,
    since: SystemTime,
) -> Vec<Family> {
    let waiting_requests = waiting_requests(collected);
    let in_flight: u64 = counts.iter().map(|counts| counts.requests_in_flight()).sum();
    let gauge = |about: &'static Description, value: Value| {
        Family::new(about, vec![Series { labels: Vec::new(), since, value }])
    };
    vec![
        gauge(&catalog::LOAD_WAITING, Value::Whole(waiting_requests + waiting_calls(collected))),
        gauge(&catalog::LOAD_RUNNING, Value::Whole(in_flight.saturating_sub(waiting_requests))),
        // No model keeps anything between requests.
        gauge(&catalog::LOAD_CACHE, Value::Whole(0)),
    ]
}

/// Requests that wait for an instance. Of two reports of the same pool, the first one counts.
fn waiting_requests(collected: &Collected) -> u64 {
    let mut seen = HashSet::new();
    let pools = collected.pools.iter();
    pools.filter(|pool| seen.insert((&pool.function, &pool.version))).map(|pool| pool.waiting).sum()
}

/// Calls that wait for a graph: their requests have an instance, and wait nevertheless.
fn waiting_calls(collected: &Collected) -> u64 {
    let mut seen = HashSet::new();
    let graphs = collected.graphs.iter();
    let first = graphs.filter(|graph| seen.insert((&graph.function, &graph.version, &graph.graph)));
    first.map(|graph| graph.waiting).sum()
}
