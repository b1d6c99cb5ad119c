//! `docs/reliability-soak.md`.

use std::fmt::Write as _;

use serde_json::Value;

use super::account::{Account, Kind};
use super::memory::Memory;

pub(super) fn write(minutes: u64, account: &Account, function: &Value, memory: &Memory) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = text(&mut page, minutes, account, function, memory);
    page
}

fn text(
    page: &mut String,
    minutes: u64,
    account: &Account,
    function: &Value,
    memory: &Memory,
) -> std::fmt::Result {
    let wrong = account.wrong();
    writeln!(
        page,
        "# Everything at once\n\nWritten by `cargo xtask soak --minutes {minutes}`: one server, two functions, and all of the below at the \
         same time. **{}** went wrong.\n\n| what | times | |\n| --- | --- | --- |",
        wrong.len()
    )?;
    for (kind, asked) in account.asked() {
        let (what, must) = about(kind);
        writeln!(page, "| {what} | {asked} | {must} |")?;
    }
    for wrong in wrong.iter().take(20) {
        writeln!(page, "\n- wrong: `{wrong}`")?;
    }
    writeln!(
        page,
        "\n## Failures, each accounted for\n\n| kind | caused | counted by the server |\n| --- | --- | --- |"
    )?;
    for (kind, [caused, counted]) in account.failures(function) {
        writeln!(page, "| {kind} | {caused} | {counted} |")?;
    }
    writeln!(
        page,
        "\n## Growth\n\nSecond by second after the first third; medians of the first and of the second half of these.\n\n\
         | | first half | second half |\n| --- | --- | --- |"
    )?;
    for (name, first, last) in memory.rows() {
        writeln!(page, "| {name} | {first:.1} | {last:.1} |")?;
    }
    Ok(())
}

fn about(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Model => ("requests to the model", "200, and always the same answer"),
        Kind::Bystander => {
            ("requests to the function that fails", "200, from an instance that is new")
        }
        Kind::Fault => {
            ("faults", "panics, traps, memory, spins, halves, hangs, floods: told as such")
        }
        Kind::Change => ("swaps and rollbacks of the model", "200"),
        Kind::Configuration => ("configurations, a third of them wrong", "none is noticed"),
        Kind::SlowClient => ("slow clients", "they wait for themselves only"),
    }
}
