//! What `/status` tells of a graph's batches.

use serde_json::Value;

use crate::compare::words::{ms, number, word};

pub(super) fn mean_rows(graph: &Value) -> f64 {
    number(&graph["rows"]) / number(&graph["batches"])
}

/// Why batches were closed, in per cent.
pub(super) fn reasons(graph: &Value) -> String {
    let all = number(&graph["batches"]);
    let reasons = graph["closed"].as_array().into_iter().flatten().map(|reason| {
        let share = number(&reason[1]) / all * 100.0;
        format!("{} {share:.0} %", word(&reason[0]))
    });
    reasons.collect::<Vec<_>>().join(", ")
}

/// The time that this share of the calls waited at most, as exactly as it is counted.
pub(super) fn wait(graph: &Value, share: f64) -> String {
    let bars = graph["wait_us"].as_array().map_or(&[][..], Vec::as_slice);
    let all: f64 = bars.iter().map(|bar| number(&bar["count"])).sum();
    let mut seen = 0.0;
    let bar = bars.iter().find(|bar| {
        seen += number(&bar["count"]);
        seen >= all * share
    });
    bar.map_or_else(String::new, |bar| format!("≤ {}", ms(number(&bar["up_to"]) / 1e3)))
}
