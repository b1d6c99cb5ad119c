//! Counters of a graph's batches in `/status`.

use serde_json::Value;

use crate::compare::markdown::ms;
use crate::compare::report::{number, text};

/// The mean number of rows per batch.
pub(super) fn mean_rows(graph: &Value) -> f64 {
    number(&graph["rows"]) / number(&graph["batches"])
}

/// The reasons why batches were closed, in percent.
pub(super) fn reasons(graph: &Value) -> String {
    let all = number(&graph["batches"]);
    let reasons = graph["closed"].as_array().into_iter().flatten().map(|reason| {
        let share = number(&reason[1]) / all * 100.0;
        format!("{} {share:.0} %", text(&reason[0]))
    });
    reasons.collect::<Vec<_>>().join(", ")
}

/// The longest time that this share of the calls waited, to the precision of the histogram.
pub(super) fn wait(graph: &Value, share: f64) -> String {
    let bins = graph["wait_us"].as_array().map_or(&[][..], Vec::as_slice);
    let all: f64 = bins.iter().map(|bin| number(&bin["count"])).sum();
    let mut seen = 0.0;
    let bin = bins.iter().find(|bin| {
        seen += number(&bin["count"]);
        seen >= all * share
    });
    bin.map_or_else(String::new, |bin| format!("≤ {}", ms(number(&bin["up_to"]) / 1e3)))
}
