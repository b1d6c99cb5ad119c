//! Requests that were answered, and metrics that hold something of each kind.

use std::time::Duration;

use http::StatusCode;
use pilotlight_telemetry::{
    CanaryMetrics, CanaryState, Collected, ErrorKind, GraphMetrics, Handle, Metrics, PoolMetrics,
    RequestOutcome, Rollback, ShadowMetrics, Stages, Swap,
};

/// What a scraper accepts that asks for OpenMetrics.
pub const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0";

/// A request that went well and took so many milliseconds.
pub fn answered(milliseconds: u64) -> RequestOutcome {
    let total = Duration::from_millis(milliseconds);
    RequestOutcome { status: StatusCode::OK, kind: None, stages: Stages::default(), total }
}

/// A request that went through every stage.
pub fn through_all_stages() -> RequestOutcome {
    let stages = Stages {
        queue: Some(Duration::from_micros(10)),
        instantiate: Some(Duration::from_micros(90)),
        guest: Some(Duration::from_millis(9)),
        tokenize: Some(Duration::from_millis(1)),
        compute: Some(Duration::from_millis(6)),
        decode: Some(Duration::from_millis(2)),
    };
    RequestOutcome { stages, ..answered(10) }
}

/// A request that failed.
pub fn failed(kind: ErrorKind) -> RequestOutcome {
    RequestOutcome { status: StatusCode::INTERNAL_SERVER_ERROR, kind: Some(kind), ..answered(1) }
}

/// Metrics that hold something of everything there is, and the handle that keeps them.
pub fn full() -> (Metrics, Handle) {
    let metrics = Metrics::new("1.2.3");
    let handle = metrics.function("pii", "0123456789ab");
    handle.record(&through_all_stages());
    handle.record(&failed(ErrorKind::Panic));
    metrics.unrouted().record(&failed(ErrorKind::NotFound));
    metrics.swapped("pii", Swap::TakenOver);
    metrics.rolled_back("pii", Rollback::Canary);
    metrics.add_collector(|| Collected {
        pools: vec![pool()],
        graphs: vec![graph()],
        canaries: vec![CanaryMetrics {
            route: "half".to_owned(),
            share: 0.05,
            state: CanaryState::Running,
        }],
        shadows: vec![ShadowMetrics {
            route: "half".to_owned(),
            outcomes: vec![("same", 7), ("different", 1), ("failed", 0), ("skipped", 2)],
        }],
    });
    (metrics, handle)
}

/// An instance pool at work.
pub fn pool() -> PoolMetrics {
    PoolMetrics {
        function: "pii".to_owned(),
        version: "0123456789ab".to_owned(),
        ready: 3,
        live: 5,
        target: 4,
        waiting: 1,
        acquired_ready: 20,
        created: 25,
        ended: 20,
        ..PoolMetrics::default()
    }
}

/// A graph at work.
pub fn graph() -> GraphMetrics {
    GraphMetrics {
        function: "pii".to_owned(),
        version: "0123456789ab".to_owned(),
        graph: "pii-ner".to_owned(),
        batch_rows: vec![(1, 3), (8, 2), (2048, 1)],
        rows: 2000,
        wait_us: vec![(1, 4), (64, 1), (128, 2), (1 << 20, 3), (1 << 27, 1)],
        waited_us: 2_500_000,
        closed: vec![("full", 2), ("drained", 4), ("single", 0)],
        refused: 7,
        restarts: Some(1),
        ..GraphMetrics::default()
    }
}

/// The value of a series, by its line's beginning up to the space.
pub fn value(text: &str, series: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    Some(rest.parse().unwrap())
}

/// The names of what a text in either format holds, without the suffixes of its kind of metric.
pub fn names(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect()
}
