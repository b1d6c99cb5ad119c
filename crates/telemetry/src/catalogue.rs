//! Every metric.

use crate::family::{Description, Kind, Unit};

const fn counter(name: &'static str, help: &'static str) -> Description {
    Description { name, help, kind: Kind::Counter, unit: Unit::None }
}

const fn gauge(name: &'static str, help: &'static str) -> Description {
    Description { name, help, kind: Kind::Gauge, unit: Unit::None }
}

const fn histogram(name: &'static str, help: &'static str, unit: Unit) -> Description {
    Description { name, help, kind: Kind::Histogram, unit }
}

const fn bytes(name: &'static str, help: &'static str) -> Description {
    Description { name, help, kind: Kind::Gauge, unit: Unit::Bytes }
}

pub(crate) static REQUESTS: Description =
    counter("pilotlight_requests", "Requests answered, by status.");
pub(crate) static ERRORS: Description =
    counter("pilotlight_errors", "Requests that went wrong, by what went wrong.");
pub(crate) static REQUEST_DURATION: Description = histogram(
    "pilotlight_request_duration_seconds",
    "Time from a request's arrival to the last byte of its answer.",
    Unit::Seconds,
);
pub(crate) static STAGE_DURATION: Description = histogram(
    "pilotlight_stage_duration_seconds",
    "Time that requests spent in each stage.",
    Unit::Seconds,
);
pub(crate) static IN_FLIGHT: Description =
    gauge("pilotlight_requests_in_flight", "Requests being answered.");

pub(crate) static CONNECTIONS_REFUSED: Description = counter(
    "pilotlight_connections_refused",
    "Connections that were closed before a request was read from them, by the reason.",
);

pub(crate) static POOL_READY: Description =
    gauge("pilotlight_pool_ready_instances", "Instances ready to take a request.");
pub(crate) static POOL_LIVE: Description = gauge(
    "pilotlight_pool_live_instances",
    "Instances alive: ready, serving, being made or being torn down.",
);
pub(crate) static POOL_TARGET: Description =
    gauge("pilotlight_pool_target_instances", "Instances that the pool means to keep ready.");
pub(crate) static POOL_WAITING: Description =
    gauge("pilotlight_pool_waiting_requests", "Requests that wait for an instance.");
pub(crate) static POOL_TAKEN: Description =
    counter("pilotlight_pool_acquired", "Requests by how they came by their instance.");
pub(crate) static INSTANCES_CREATED: Description =
    counter("pilotlight_instances_created", "Instances created.");
pub(crate) static INSTANCES_ENDED: Description =
    counter("pilotlight_instances_ended", "Instances torn down.");
pub(crate) static INSTANCES_FAILED: Description =
    counter("pilotlight_instances_failed", "Instances that could not be made.");

pub(crate) static GRAPH_BATCH_ROWS: Description =
    histogram("pilotlight_graph_batch_rows", "Rows of the batches that a graph ran.", Unit::None);
pub(crate) static GRAPH_WAIT: Description = histogram(
    "pilotlight_graph_wait_seconds",
    "Time that calls of a graph waited for the batch they ran in.",
    Unit::Seconds,
);
pub(crate) static GRAPH_CLOSED: Description = counter(
    "pilotlight_graph_closed_batches",
    "Batches of a graph, by the reason why no more calls were added to them.",
);
pub(crate) static GRAPH_WAITING: Description =
    gauge("pilotlight_graph_waiting_calls", "Calls that wait in a graph's queue.");
pub(crate) static GRAPH_RUNNING: Description =
    gauge("pilotlight_graph_running_batches", "Batches that a graph is running.");
pub(crate) static GRAPH_FAILED: Description =
    counter("pilotlight_graph_failed_calls", "Calls of a graph without a result.");
pub(crate) static GRAPH_RETRIED: Description = counter(
    "pilotlight_graph_retried_calls",
    "Calls of a graph that were run again, alone, because their batch failed.",
);
pub(crate) static GRAPH_REFUSED: Description = counter(
    "pilotlight_graph_refused_calls",
    "Calls of a graph that were refused because too many waited.",
);
pub(crate) static GRAPH_CANCELLED: Description = counter(
    "pilotlight_graph_cancelled_calls",
    "Calls of a graph whose callers went away before they were run.",
);
pub(crate) static GRAPH_RESTARTS: Description = counter(
    "pilotlight_graph_process_restarts",
    "How often the process that a graph is computed in has ended and was started again.",
);

pub(crate) static SWAPS: Description =
    counter("pilotlight_swaps", "New versions of a function, by what became of them.");
pub(crate) static ROLLBACKS: Description =
    counter("pilotlight_rollbacks", "Returns to a former version, by who wanted them.");
pub(crate) static CANARY_SHARE: Description = Description {
    name: "pilotlight_canary_share_ratio",
    help: "Share of a route's requests that its canary gets.",
    kind: Kind::Gauge,
    unit: Unit::Ratio,
};
pub(crate) static CANARY_STATE: Description =
    gauge("pilotlight_canary_state", "1 for the state that a route's canary is in, 0 for others.");
pub(crate) static SHADOWED: Description = counter(
    "pilotlight_shadowed_requests",
    "Requests that a route's shadow was to be asked, too, by how the answers compare.",
);

pub(crate) static EXPORTED: Description = counter(
    "pilotlight_telemetry_items",
    "Spans, log records and metrics for the OTLP collector, by what became of them.",
);
pub(crate) static BUILD: Description =
    gauge("pilotlight_build_info", "1, with the version of this program.");

pub(crate) static RESIDENT_BY_KIND: Description = bytes(
    "pilotlight_resident_memory_bytes",
    "Resident memory by what it is: the host's and guests' own, pages of files, shared.",
);
pub(crate) static CPU_SECONDS: Description = Description {
    name: "process_cpu_seconds",
    help: "User and system CPU time.",
    kind: Kind::Counter,
    unit: Unit::Seconds,
};
pub(crate) static RESIDENT: Description =
    bytes("process_resident_memory_bytes", "Resident memory.");
pub(crate) static VIRTUAL: Description = bytes("process_virtual_memory_bytes", "Virtual memory.");
pub(crate) static THREADS: Description = gauge("process_threads", "Threads.");
pub(crate) static OPEN_FDS: Description = gauge("process_open_fds", "Open file descriptors.");
pub(crate) static MAX_FDS: Description =
    gauge("process_max_fds", "File descriptors that may be open.");
pub(crate) static START_TIME: Description = Description {
    name: "process_start_time_seconds",
    help: "When the process started, in seconds since 1970.",
    kind: Kind::Gauge,
    unit: Unit::Seconds,
};
