//! Fields of the JSON reports of `pilotlight bench`.

use serde_json::Value;

/// The number of failed requests of all kinds.
pub(super) fn errors(errors: &Value) -> u64 {
    errors.as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum()
}

/// A number; NaN if it is missing.
pub(super) fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

/// A string; empty if it is missing.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The machine that wrote a report.
pub(super) fn machine(report: &Value) -> String {
    let machine = &report["machine"];
    format!(
        "{} cores, {}, {}, Linux {}",
        machine["cores"],
        text(&machine["cpu"]),
        text(&machine["os"]),
        text(&machine["kernel"])
    )
}

/// The targets of a report.
pub(super) fn targets(report: &Value) -> &[Value] {
    report["targets"].as_array().map_or(&[], Vec::as_slice)
}

/// The number of connections of a load step.
pub(super) fn connections(step: &Value) -> Option<u64> {
    step["load"].as_object()?.values().find_map(Value::as_u64)
}

/// The median of several values; NaN if there are none.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Requests per second of connections that each send their next request when they have their response,
/// from the mean latency. The rate in the report lacks the requests at the borders of a round, which are
/// many if a round takes seconds and a request one.
pub(super) fn throughput(summary: &Value, connections: u64) -> f64 {
    connections as f64 / (number(&summary["mean_ms"]) / 1e3)
}
