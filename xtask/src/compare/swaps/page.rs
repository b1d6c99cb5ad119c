use std::fmt::Write as _;

use serde_json::Value;

use super::{CHANGES, First, LOAD, Outcome};
use crate::compare::lab::Lab;
use crate::compare::words::{errors, head, ms, number, row};

pub(super) fn write(first: &First, outcomes: &[Outcome], lab: &Lab) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = text(&mut page, first, outcomes, lab);
    page
}

fn text(page: &mut String, first: &First, outcomes: &[Outcome], lab: &Lab) -> std::fmt::Result {
    writeln!(
        page,
        "# Changing versions under load\n\nWritten by `cargo xtask compare swaps`. The default model computes in the sandbox; \
         its two versions are int4 and int8. Requests (43 tokens) come at random moments (Poisson) at {:.0} % of what eight \
         connections got answered as fast as they could. Latency counts from the intended moment.",
        LOAD * 100.0
    )?;
    if lab.is_quick() {
        writeln!(page, "\n**A quick run, to try the commands. Its figures mean nothing.**")?;
    }
    writeln!(
        page,
        "\n## {CHANGES} swaps, each rolled back and forth\n\nBoth versions have been compiled before. A swap maps the code, fills \
         the pool, has the sample answered, and switches; then a rollback, and a rollback of that."
    )?;
    head(
        page,
        &["HTTP", "phase", "requests/s", "answered", "failed", "p50", "p99", "p99 beside before"],
    )?;
    for outcome in outcomes {
        let names = ["before", "while versions change", "after"];
        for (name, phase) in names.into_iter().zip(&outcome.phases) {
            let mut cells = vec![outcome.protocol.to_owned(), name.to_owned()];
            cells.push(format!("{:.1}", outcome.rate));
            cells.extend(figures(phase, &outcome.phases[0]));
            row(page, &cells)?;
        }
    }
    head(
        page,
        &[
            "HTTP",
            "swaps",
            "a swap, p50",
            "longest",
            "a rollback, p50",
            "longest",
            "PSS before",
            "after",
        ],
    )?;
    for outcome in outcomes {
        let mut cells = vec![outcome.protocol.to_owned(), outcome.changes.to_string()];
        for times in [&outcome.swaps, &outcome.rollbacks] {
            let time = |index: usize| times.get(index).copied().map_or_else(String::new, ms);
            cells.extend([time(times.len() / 2), time(times.len().saturating_sub(1))]);
        }
        cells.extend(outcome.memory.iter().map(|usage| format!("{:.1} MiB", usage.pss)));
        row(page, &cells)?;
    }
    writeln!(
        page,
        "\n## A version that has never been compiled\n\nIt is compiled in the background, on threads of the lowest priority, \
         while 20 requests a second are answered. It took over after {:.1} s.",
        first.seconds
    )?;
    head(page, &["phase", "answered", "failed", "p50", "p99", "p99 beside before"])?;
    for (name, phase) in ["before", "while it is compiled, and after"].iter().zip(&first.phases) {
        let mut cells = vec![(*name).to_owned()];
        cells.extend(figures(phase, &first.phases[0]));
        row(page, &cells)?;
    }
    Ok(())
}

fn figures(phase: &Value, before: &Value) -> Vec<String> {
    let p99 = |phase: &Value| number(&phase["p99_ms"]);
    vec![
        phase["requests"].to_string(),
        errors(&phase["errors"]).to_string(),
        ms(number(&phase["p50_ms"])),
        ms(p99(phase)),
        format!("{:.2}×", p99(phase) / p99(before)),
    ]
}
