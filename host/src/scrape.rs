//! Metrics of functions and routes that are collected on scrape.

use pilotlight_inference::{Bucket, Closed, GraphStatus};
use pilotlight_router::Phase;
use pilotlight_telemetry::{
    CanaryMetrics, CanaryState, Collected, GraphMetrics, PoolMetrics, ShadowMetrics,
};

use crate::deploy::{FunctionStatus, VersionStatus, short};
use crate::routing::{RouteStatus, ShadowStatus};

/// Collected of everything, at one moment.
pub(crate) fn collected(functions: &[FunctionStatus], routes: &[RouteStatus]) -> Collected {
    let mut collected = Collected::default();
    for FunctionStatus { name, current, previous, .. } in functions {
        for version in [Some(current), previous.as_ref()].into_iter().flatten() {
            let digest = short(version.sha256);
            collected.pools.push(pool(name, &digest, version));
            let graphs = version.graphs.iter().flatten();
            collected.graphs.extend(graphs.map(|status| graph(name, &digest, status)));
        }
    }
    collected.canaries = routes.iter().filter_map(canary).collect();
    collected.shadows = routes.iter().filter_map(shadow).collect();
    collected
}

fn pool(function: &str, version: &str, status: &VersionStatus) -> PoolMetrics {
    let pool = &status.pool;
    PoolMetrics {
        function: function.to_owned(),
        version: version.to_owned(),
        ready: pool.ready as u64,
        live: pool.live as u64,
        target: pool.target as u64,
        waiting: (pool.waiting + status.requests.waiting) as u64,
        acquired_ready: pool.acquired_ready,
        acquired_inline: pool.acquired_inline,
        acquired_waited: pool.acquired_waited,
        acquired_shared: pool.acquired_shared,
        created: pool.created,
        ended: pool.ended,
        failed: pool.failed,
    }
}

fn graph(function: &str, version: &str, status: &GraphStatus) -> GraphMetrics {
    GraphMetrics {
        function: function.to_owned(),
        version: version.to_owned(),
        graph: status.name.clone(),
        waiting: status.waiting as u64,
        running: status.running as u64,
        batch_rows: bars(&status.batch_rows),
        rows: status.rows,
        wait_us: bars(&status.wait_us),
        waited_us: status.waited_us,
        closed: closed(status),
        failed: status.failed,
        retried: status.retried,
        refused: status.refused,
        canceled: status.canceled,
        restarts: status.process.as_ref().map(|process| process.restarts),
    }
}

fn bars(buckets: &[Bucket]) -> Vec<(u64, u64)> {
    buckets.iter().map(|bucket| (bucket.up_to, bucket.count)).collect()
}

/// All reasons, those that did not occur too: a rate needs the zero before the one.
fn closed(status: &GraphStatus) -> Vec<(&'static str, u64)> {
    let count = |reason: Closed| status.closed.iter().find(|(closed, _)| *closed == reason);
    let all = Closed::ALL.into_iter();
    all.map(|reason| (reason.name(), count(reason).map_or(0, |(_, count)| *count))).collect()
}

fn shadow(route: &RouteStatus) -> Option<ShadowMetrics> {
    let ShadowStatus { same, different, failed, skipped } = route.shadowed?;
    let outcomes =
        vec![("same", same), ("different", different), ("failed", failed), ("skipped", skipped)];
    Some(ShadowMetrics { route: route.name.clone(), outcomes })
}

fn canary(route: &RouteStatus) -> Option<CanaryMetrics> {
    let canary = route.canary.as_ref()?;
    Some(CanaryMetrics {
        route: route.name.clone(),
        share: canary.share,
        state: match canary.phase {
            Phase::Running => CanaryState::Running,
            Phase::Finished => CanaryState::Finished,
            Phase::RolledBack => CanaryState::RolledBack,
        },
    })
}
