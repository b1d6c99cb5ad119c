//! Metrics that pools, graphs and routes keep themselves, collected on scrape.

use std::time::SystemTime;

use crate::catalog;
use crate::family::{Bound, Description, Distribution, Family, Series, Value, labels};

/// Collected and counts that are kept elsewhere, at one time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Collected {
    /// Of each pool.
    pub pools: Vec<PoolMetrics>,
    /// Of each graph.
    pub graphs: Vec<GraphMetrics>,
    /// Of each canary.
    pub canaries: Vec<CanaryMetrics>,
    /// Of each shadow.
    pub shadows: Vec<ShadowMetrics>,
}

/// State of an instance pool, and its counters since it was created.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolMetrics {
    /// The function.
    pub function: String,
    /// The short digest of its version.
    pub version: String,
    /// Instances ready to take a request.
    pub ready: u64,
    /// Instances alive.
    pub live: u64,
    /// Instances that the pool means to keep ready.
    pub target: u64,
    /// Requests that wait.
    pub waiting: u64,
    /// Requests that found a ready instance.
    pub acquired_ready: u64,
    /// Requests that had an instance made for them at once.
    pub acquired_inline: u64,
    /// Requests that had to wait.
    pub acquired_waited: u64,
    /// Requests that joined others in an instance.
    pub acquired_shared: u64,
    /// Instances made.
    pub created: u64,
    /// Instances torn down.
    pub ended: u64,
    /// Instances that could not be made.
    pub failed: u64,
}

/// State of a graph, and its counters since it was loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GraphMetrics {
    /// The function.
    pub function: String,
    /// The short digest of its version.
    pub version: String,
    /// The graph's name.
    pub graph: String,
    /// Calls that wait.
    pub waiting: u64,
    /// Batches that run.
    pub running: u64,
    /// Histogram of the rows of batches: upper bounds and counts.
    pub batch_rows: Vec<(u64, u64)>,
    /// Rows of all batches.
    pub rows: u64,
    /// Histogram of the waiting times of calls: upper bounds in microseconds, and counts.
    pub wait_us: Vec<(u64, u64)>,
    /// Microseconds that all calls together waited.
    pub waited_us: u64,
    /// Batches by the reason why no more calls were added to them.
    pub closed: Vec<(&'static str, u64)>,
    /// Calls without a result.
    pub failed: u64,
    /// Calls that were run again, alone, because their batch failed.
    pub retried: u64,
    /// Calls that were refused because too many waited.
    pub refused: u64,
    /// Calls whose callers went away.
    pub canceled: u64,
    /// Restarts of the isolated backend, if the graph has one.
    pub restarts: Option<u64>,
}

/// State of the canary of a route.
#[derive(Debug, Clone, PartialEq)]
pub struct CanaryMetrics {
    /// The route.
    pub route: String,
    /// The canary's share of the route's requests, 0 to 1.
    pub share: f64,
    /// State.
    pub state: CanaryState,
}

/// Comparisons of the answers of a route's shadow with those of its targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadowMetrics {
    /// The route.
    pub route: String,
    /// Requests by what became of them.
    pub outcomes: Vec<(&'static str, u64)>,
}

/// State of a canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CanaryState {
    /// It advances from step to step.
    Running,
    /// It has completed its last step.
    Finished,
    /// It was rolled back.
    RolledBack,
}

impl CanaryState {
    const ALL: [(Self, &str); 3] = [
        (Self::Running, "running"),
        (Self::Finished, "finished"),
        (Self::RolledBack, "rolled_back"),
    ];
}

const ROWS: [Bound; 11] = [
    Bound { value: 1.0, text: "1.0" },
    Bound { value: 2.0, text: "2.0" },
    Bound { value: 4.0, text: "4.0" },
    Bound { value: 8.0, text: "8.0" },
    Bound { value: 16.0, text: "16.0" },
    Bound { value: 32.0, text: "32.0" },
    Bound { value: 64.0, text: "64.0" },
    Bound { value: 128.0, text: "128.0" },
    Bound { value: 256.0, text: "256.0" },
    Bound { value: 512.0, text: "512.0" },
    Bound { value: 1024.0, text: "1024.0" },
];

/// 64 µs to 17 s in powers of two, as graphs count them: none has to be split between two.
const WAITS: [Bound; 19] = [
    Bound { value: 0.000064, text: "6.4e-05" },
    Bound { value: 0.000128, text: "0.000128" },
    Bound { value: 0.000256, text: "0.000256" },
    Bound { value: 0.000512, text: "0.000512" },
    Bound { value: 0.001024, text: "0.001024" },
    Bound { value: 0.002048, text: "0.002048" },
    Bound { value: 0.004096, text: "0.004096" },
    Bound { value: 0.008192, text: "0.008192" },
    Bound { value: 0.016384, text: "0.016384" },
    Bound { value: 0.032768, text: "0.032768" },
    Bound { value: 0.065536, text: "0.065536" },
    Bound { value: 0.131072, text: "0.131072" },
    Bound { value: 0.262144, text: "0.262144" },
    Bound { value: 0.524288, text: "0.524288" },
    Bound { value: 1.048576, text: "1.048576" },
    Bound { value: 2.097152, text: "2.097152" },
    Bound { value: 4.194304, text: "4.194304" },
    Bound { value: 8.388608, text: "8.388608" },
    Bound { value: 16.777216, text: "16.777216" },
];

/// `bars`, each up to a value in parts of which `per_unit` make one, counted by `bounds`.
fn distribution(
    bounds: &'static [Bound],
    bars: &[(u64, u64)],
    sum: u64,
    per_unit: f64,
) -> Distribution {
    let mut counts = vec![0; bounds.len() + 1];
    for (up_to, count) in bars {
        let up_to = *up_to as f64 / per_unit;
        counts[bounds.partition_point(|bound| bound.value < up_to)] += count;
    }
    Distribution { bounds, counts, sum: sum as f64 / per_unit }
}

impl GraphMetrics {
    fn batch_rows(&self) -> Distribution {
        distribution(&ROWS, &self.batch_rows, self.rows, 1.0)
    }

    fn waits(&self) -> Distribution {
        distribution(&WAITS, &self.wait_us, self.waited_us, 1e6)
    }
}

/// `collected` as metrics of what counts since `since`.
pub(crate) fn families(collected: &Collected, since: SystemTime) -> Vec<Family> {
    let mut families = pools(&collected.pools, since);
    families.extend(graphs(&collected.graphs, since));
    families.extend(canaries(&collected.canaries, since));
    families.push(shadows(&collected.shadows, since));
    families
}

fn pools(pools: &[PoolMetrics], since: SystemTime) -> Vec<Family> {
    let of = |pool: &PoolMetrics, way: &str| {
        labels([("function", &pool.function), ("version", &pool.version), ("way", way)])
    };
    let each = |about: &'static Description, value: fn(&PoolMetrics) -> u64| {
        let one = |pool| Series { labels: of(pool, ""), since, value: Value::Whole(value(pool)) };
        Family::new(about, pools.iter().map(one).collect())
    };
    let taken = pools.iter().flat_map(|pool| {
        let ways = [
            ("ready", pool.acquired_ready),
            ("inline", pool.acquired_inline),
            ("waited", pool.acquired_waited),
            ("shared", pool.acquired_shared),
        ];
        ways.map(|(way, count)| Series { labels: of(pool, way), since, value: Value::Whole(count) })
    });
    vec![
        each(&catalog::POOL_READY, |pool| pool.ready),
        each(&catalog::POOL_LIVE, |pool| pool.live),
        each(&catalog::POOL_TARGET, |pool| pool.target),
        each(&catalog::POOL_WAITING, |pool| pool.waiting),
        Family::new(&catalog::POOL_ACQUIRED, taken.collect()),
        each(&catalog::INSTANCES_CREATED, |pool| pool.created),
        each(&catalog::INSTANCES_ENDED, |pool| pool.ended),
        each(&catalog::INSTANCES_FAILED, |pool| pool.failed),
    ]
}

fn graphs(graphs: &[GraphMetrics], since: SystemTime) -> Vec<Family> {
    let of = |graph: &GraphMetrics, reason: &str| {
        labels([
            ("function", &graph.function),
            ("version", &graph.version),
            ("graph", &graph.graph),
            ("reason", reason),
        ])
    };
    let each = |about: &'static Description, value: fn(&GraphMetrics) -> Value| {
        let one = |graph| Series { labels: of(graph, ""), since, value: value(graph) };
        Family::new(about, graphs.iter().map(one).collect())
    };
    let closed = graphs.iter().flat_map(|graph| {
        graph.closed.iter().map(move |(reason, count)| Series {
            labels: of(graph, reason),
            since,
            value: Value::Whole(*count),
        })
    });
    let isolated = graphs.iter().filter_map(|graph| {
        let value = Value::Whole(graph.restarts?);
        Some(Series { labels: of(graph, ""), since, value })
    });
    vec![
        each(&catalog::GRAPH_BATCH_ROWS, |graph| Value::Distribution(graph.batch_rows())),
        each(&catalog::GRAPH_WAIT, |graph| Value::Distribution(graph.waits())),
        Family::new(&catalog::GRAPH_CLOSED, closed.collect()),
        each(&catalog::GRAPH_WAITING, |graph| Value::Whole(graph.waiting)),
        each(&catalog::GRAPH_RUNNING, |graph| Value::Whole(graph.running)),
        each(&catalog::GRAPH_FAILED, |graph| Value::Whole(graph.failed)),
        each(&catalog::GRAPH_RETRIED, |graph| Value::Whole(graph.retried)),
        each(&catalog::GRAPH_REFUSED, |graph| Value::Whole(graph.refused)),
        each(&catalog::GRAPH_CANCELED, |graph| Value::Whole(graph.canceled)),
        Family::new(&catalog::GRAPH_RESTARTS, isolated.collect()),
    ]
}

fn shadows(shadows: &[ShadowMetrics], since: SystemTime) -> Family {
    let series = shadows.iter().flat_map(|shadow| {
        shadow.outcomes.iter().map(move |(outcome, count)| Series {
            labels: labels([("route", &shadow.route), ("outcome", outcome)]),
            since,
            value: Value::Whole(*count),
        })
    });
    Family::new(&catalog::SHADOWED, series.collect())
}

fn canaries(canaries: &[CanaryMetrics], since: SystemTime) -> Vec<Family> {
    let share = |canary: &CanaryMetrics| Series {
        labels: labels([("route", &canary.route)]),
        since,
        value: Value::Real(canary.share),
    };
    let states = canaries.iter().flat_map(|canary| {
        CanaryState::ALL.map(|(state, name)| Series {
            labels: labels([("route", &canary.route), ("state", name)]),
            since,
            value: Value::Whole(u64::from(state == canary.state)),
        })
    });
    vec![
        Family::new(&catalog::CANARY_SHARE, canaries.iter().map(share).collect()),
        Family::new(&catalog::CANARY_STATE, states.collect()),
    ]
}
