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
    counter("pilotlight_errors", "Failed requests, by kind of error.");
pub(crate) static UNCHECKED: Description = counter(
    "pilotlight_unchecked",
    "Texts that passed without a check, because their function failed and their route fails open.",
);
pub(crate) static REQUEST_DURATION: Description = histogram(
    "pilotlight_request_duration_seconds",
    "Time from the arrival of a request to the last byte of its response.",
    Unit::Seconds,
);
pub(crate) static STAGE_DURATION: Description = histogram(
    "pilotlight_stage_duration_seconds",
    "Time that requests spent in each stage.",
    Unit::Seconds,
);
pub(crate) static IN_FLIGHT: Description =
    gauge("pilotlight_requests_in_flight", "Requests in flight.");

pub(crate) static CONNECTIONS_REFUSED: Description = counter(
    "pilotlight_connections_refused",
    "Connections closed before a request was read, by reason.",
);

pub(crate) static POOL_READY: Description =
    gauge("pilotlight_pool_ready_instances", "Instances that are ready for a request.");
pub(crate) static POOL_LIVE: Description = gauge(
    "pilotlight_pool_live_instances",
    "Live instances: ready, serving, being created or being torn down.",
);
pub(crate) static POOL_TARGET: Description =
    gauge("pilotlight_pool_target_instances", "Instances that the pool aims to keep ready.");
pub(crate) static POOL_WAITING: Description =
    gauge("pilotlight_pool_waiting_requests", "Requests that wait for an instance.");
pub(crate) static POOL_ACQUIRED: Description =
    counter("pilotlight_pool_acquired", "Requests, by how they acquired their instance.");
pub(crate) static INSTANCES_CREATED: Description =
    counter("pilotlight_instances_created", "Instances created.");
pub(crate) static INSTANCES_ENDED: Description =
    counter("pilotlight_instances_ended", "Instances torn down.");
pub(crate) static INSTANCES_FAILED: Description =
    counter("pilotlight_instances_failed", "Instances that could not be created.");

pub(crate) static GRAPH_BATCH_ROWS: Description =
    histogram("pilotlight_graph_batch_rows", "Rows of the batches of a graph.", Unit::None);
pub(crate) static GRAPH_WAIT: Description = histogram(
    "pilotlight_graph_wait_seconds",
    "Time that calls of a graph waited for their batch.",
    Unit::Seconds,
);
pub(crate) static GRAPH_CLOSED: Description = counter(
    "pilotlight_graph_closed_batches",
    "Batches of a graph, by the reason why no more calls were added.",
);
pub(crate) static GRAPH_WAITING: Description =
    gauge("pilotlight_graph_waiting_calls", "Calls in the queue of a graph.");
pub(crate) static GRAPH_RUNNING: Description =
    gauge("pilotlight_graph_running_batches", "Running batches of a graph.");
pub(crate) static GRAPH_FAILED: Description =
    counter("pilotlight_graph_failed_calls", "Failed calls of a graph.");
pub(crate) static GRAPH_RETRIED: Description = counter(
    "pilotlight_graph_retried_calls",
    "Calls of a graph that were run again alone because their batch failed.",
);
pub(crate) static GRAPH_REFUSED: Description = counter(
    "pilotlight_graph_refused_calls",
    "Calls of a graph that were refused because the queue was full.",
);
pub(crate) static GRAPH_CANCELED: Description = counter(
    "pilotlight_graph_canceled_calls",
    "Calls of a graph that were canceled before they ran.",
);
pub(crate) static GRAPH_RESTARTS: Description =
    counter("pilotlight_graph_process_restarts", "Restarts of the process that computes a graph.");

pub(crate) static SWAPS: Description =
    counter("pilotlight_swaps", "Swaps of a function to a new version, by outcome.");
pub(crate) static ROLLBACKS: Description =
    counter("pilotlight_rollbacks", "Rollbacks to the previous version, by cause.");
pub(crate) static CANARY_SHARE: Description = Description {
    name: "pilotlight_canary_share_ratio",
    help: "Share of the requests of a route that its canary receives.",
    kind: Kind::Gauge,
    unit: Unit::Ratio,
};
pub(crate) static CANARY_STATE: Description = gauge(
    "pilotlight_canary_state",
    "1 for the state of the canary of a route, 0 for the other states.",
);
pub(crate) static SHADOWED: Description = counter(
    "pilotlight_shadowed_requests",
    "Shadow requests of a route, by comparison of the responses.",
);

pub(crate) static EXPORTED: Description = counter(
    "pilotlight_telemetry_items",
    "Spans, log records and metrics for the OTLP collector, by outcome.",
);
pub(crate) static BUILD: Description =
    gauge("pilotlight_build_info", "Always 1; the label is the version of the program.");

/// Names of vLLM's, which the inference extension reads by default.
pub(crate) static LOAD_WAITING: Description = gauge(
    "vllm:num_requests_waiting",
    "Requests that wait for an instance, and calls that wait for a graph.",
);
pub(crate) static LOAD_RUNNING: Description =
    gauge("vllm:num_requests_running", "Requests in flight that do not wait for an instance.");
pub(crate) static LOAD_CACHE: Description = gauge(
    "vllm:kv_cache_usage_perc",
    "Always 0: no model keeps a cache of keys and values between requests.",
);

pub(crate) static RESIDENT_BY_KIND: Description =
    bytes("pilotlight_resident_memory_bytes", "Resident memory by kind: anonymous, file, shared.");
pub(crate) static CPU_SECONDS: Description = Description {
    name: "process_cpu_seconds",
    help: "User and system CPU time.",
    kind: Kind::Counter,
    unit: Unit::Seconds,
};
pub(crate) static RESIDENT: Description =
    bytes("process_resident_memory_bytes", "Resident memory.");
pub(crate) static VIRTUAL: Description = bytes("process_virtual_memory_bytes", "Virtual memory.");
pub(crate) static THREADS: Description = gauge("process_threads", "Number of threads.");
pub(crate) static OPEN_FDS: Description = gauge("process_open_fds", "Open file descriptors.");
pub(crate) static MAX_FDS: Description =
    gauge("process_max_fds", "Maximum number of open file descriptors.");
pub(crate) static START_TIME: Description = Description {
    name: "process_start_time_seconds",
    help: "Start time of the process, in seconds since the Unix epoch.",
    kind: Kind::Gauge,
    unit: Unit::Seconds,
};
