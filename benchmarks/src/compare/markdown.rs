//! Figures out of reports, and as they are written on a page.

use std::fmt::Write as _;

use serde_json::Value;

/// Requests without a good answer, of all kinds.
pub(super) fn errors(errors: &Value) -> u64 {
    errors.as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum()
}

pub(super) fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

pub(super) fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Milliseconds with three significant digits.
pub(super) fn ms(milliseconds: f64) -> String {
    match milliseconds {
        time if time < 1.0 => format!("{:.0} µs", time * 1e3),
        time if time < 10.0 => format!("{time:.2} ms"),
        time if time < 100.0 => format!("{time:.1} ms"),
        time => format!("{time:.0} ms"),
    }
}

/// The machine of a report.
pub(super) fn machine(report: &Value) -> String {
    let machine = &report["machine"];
    format!(
        "{} cores, {}, {}, Linux {}",
        machine["cores"],
        word(&machine["cpu"]),
        word(&machine["os"]),
        word(&machine["kernel"])
    )
}

/// The head of a table with these columns.
pub(super) fn head(page: &mut String, columns: &[&str]) -> std::fmt::Result {
    writeln!(page, "\n| {} |\n|{}", columns.join(" | "), " --- |".repeat(columns.len()))
}

/// One row of a table.
pub(super) fn row(page: &mut String, cells: &[String]) -> std::fmt::Result {
    writeln!(page, "| {} |", cells.join(" | "))
}

/// What is known of the programs, and whether the figures mean anything.
pub(super) fn versions(
    page: &mut String,
    versions: &[(&'static str, String)],
    quick: bool,
) -> std::fmt::Result {
    for (name, version) in versions {
        writeln!(page, "- {name}: {version}")?;
    }
    quick_note(page, quick)
}

/// Whether the figures mean anything.
pub(super) fn quick_note(page: &mut String, quick: bool) -> std::fmt::Result {
    if quick {
        writeln!(page, "\n**A quick run, to try the commands. Its figures mean nothing.**")?;
    }
    Ok(())
}
