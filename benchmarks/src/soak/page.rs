//! `docs/reliability-soak.md`.

use std::fmt::Write as _;

use serde_json::Value;

use super::memory::Memory;
use super::tally::{Activity, Tally};

/// The number of wrong results that are listed.
const LISTED_REASONS: usize = 20;

pub(super) fn write(minutes: u64, tally: &Tally, function: &Value, memory: &Memory) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = page_text(&mut page, minutes, tally, function, memory);
    page
}

fn page_text(
    page: &mut String,
    minutes: u64,
    tally: &Tally,
    function: &Value,
    memory: &Memory,
) -> std::fmt::Result {
    let wrong = tally.wrong();
    writeln!(
        page,
        "# Soak test

`cargo xtask soak --minutes {minutes}` does all of the following at the same time to one server with two functions, the default model and
a guest that can be made to fail, and writes this page. **{}** results were wrong.

| activity | count | expected result |\n| --- | --- | --- |",
        wrong.len()
    )?;
    for (activity, count) in tally.done() {
        let (name, expected) = description(activity);
        writeln!(page, "| {name} | {count} | {expected} |")?;
    }
    for reason in wrong.iter().take(LISTED_REASONS) {
        writeln!(page, "\n- wrong: `{reason}`")?;
    }
    writeln!(
        page,
        "\n## Failures\n\nThe server has to count each failure that was caused.\n\n\
         | kind | caused | counted by the server |\n| --- | --- | --- |"
    )?;
    for (kind, [caused, counted]) in tally.failures(function) {
        writeln!(page, "| {kind} | {caused} | {counted} |")?;
    }
    writeln!(
        page,
        "\n## Growth\n\nResources are recorded each second after the first third of the test. The table shows the medians of the first and \
         of the second half of these samples.\n\n| | first half | second half |\n| --- | --- | --- |"
    )?;
    for (name, first, last) in memory.rows() {
        writeln!(page, "| {name} | {first:.1} | {last:.1} |")?;
    }
    Ok(())
}

/// The name of an activity, and its expected result.
fn description(activity: Activity) -> (&'static str, &'static str) {
    match activity {
        Activity::Inference => ("requests to the model", "200 and always the same labels"),
        Activity::FreshInstance => {
            ("other requests to the failing function", "200 from a fresh instance")
        }
        Activity::Fault => (
            "faults: panic, stack overflow, out of memory, endless loop, incomplete or stalled response, log flood",
            "the status of the fault; the response is incomplete only if it was interrupted",
        ),
        Activity::VersionChange => ("swaps and rollbacks of the model", "200"),
        Activity::Configuration => {
            ("configuration changes, one in three invalid", "no effect on requests")
        }
        Activity::SlowClient => ("slow clients", "no effect on other clients"),
    }
}
