//! Tables of direct calls and of servers under load.

use std::fmt::{Result, Write as _};

use serde_json::Value;

use crate::compare::host::direct::Outcome;
use crate::compare::host::scenarios::CONNECTIONS;
use crate::compare::markdown::{mib, ms, plot, table_head, table_row};
use crate::compare::report::{connections, errors, number, targets, text, throughput};
use crate::compare::runner::Run;

/// Direct calls in f32 and in int8.
pub(super) fn direct(page: &mut String, [f32, int8]: &[Vec<Outcome>; 2]) -> Result {
    writeln!(
        page,
        "\n## Direct calls\n\nONNX Runtime called directly from Rust, in all settings. A batch contains texts of similar length; latencies are \
         those of a batch."
    )?;
    table_head(page, &[&[""], &Outcome::COLUMNS[..]].concat())?;
    let rows = f32.iter().map(|row| ("f32", row)).chain(int8.iter().map(|row| ("int8", row)));
    for (precision, outcome) in rows {
        table_row(page, &[vec![precision.to_owned()], outcome.cells()].concat())?;
    }
    Ok(())
}

/// All servers at the same number of connections.
pub(super) fn compared(page: &mut String, run: &Run) -> Result {
    writeln!(
        page,
        "\n## {CONNECTIONS} connections\n\nAlternating rounds. Memory at the end, with the servers idle side by side."
    )?;
    at_connections(page, run)?;
    plot(page, "host-connections", "host-connections", &run.command)
}

/// Sentence embeddings.
pub(super) fn embeddings(page: &mut String, run: &Run) -> Result {
    writeln!(
        page,
        "\n## Sentence embeddings\n\nMiniLM (int8 weights of a published file, at most 256 tokens), the same texts, {CONNECTIONS} connections to \
         `POST /embed`, the request of text-embeddings-inference, which could not be installed here. The Python service \
         (benchmarks/python/embeddings_service.py) computes the same file with ONNX Runtime."
    )?;
    at_connections(page, run)?;
    plot(page, "host-embeddings", "host-embeddings", &run.command)
}

/// Targets of a run with [`CONNECTIONS`] each.
pub(super) fn at_connections(page: &mut String, run: &Run) -> Result {
    let columns = ["", "requests/s", "p50", "p99", "errors", "RSS", "PSS", "CPU per request"];
    table_head(page, &columns)?;
    for (target, (name, usage)) in targets(&run.report).iter().zip(&run.usage) {
        let summary = &target["summary"];
        let mut cells = vec![(*name).to_owned()];
        cells.push(format!("{:.1}", throughput(summary, CONNECTIONS)));
        cells.extend(["p50_ms", "p99_ms"].map(|key| ms(number(&summary[key]))));
        cells.push(errors(&summary["errors"]).to_string());
        cells.extend([usage.rss, usage.pss].map(mib));
        cells.push(ms(usage.cpu * 1e3 / number(&summary["requests"])));
        table_row(page, &cells)?;
    }
    writeln!(page, "\nCPU time per request includes the warm-up, whose requests are not counted.")
}

/// Servers from one to many connections.
pub(super) fn sweep(page: &mut String, run: &Run) -> Result {
    writeln!(page, "\n## From one to many connections\n\nRequests/s, p50 and p99.")?;
    steps(page, run)?;
    resources(page, run)?;
    plot(page, "host-load", "host-load", &run.command)
}

/// Requests/s, p50 and p99 of all targets, a row for each number of connections.
pub(super) fn steps(page: &mut String, run: &Run) -> Result {
    let targets = targets(&run.report);
    let names = targets.iter().map(|target| text(&target["name"]));
    table_head(page, &std::iter::once("connections").chain(names).collect::<Vec<_>>())?;
    let count = targets.first().and_then(|target| target["steps"].as_array()).map_or(0, Vec::len);
    for step in 0..count {
        let load = connections(&targets[0]["steps"][step]).unwrap_or_default();
        let mut cells = vec![load.to_string()];
        let responses = |target: &Value| responses(&target["steps"][step]["summary"], load);
        cells.extend(targets.iter().map(responses));
        table_row(page, &cells)?;
    }
    Ok(())
}

fn responses(summary: &Value, connections: u64) -> String {
    let of = |key: &str| ms(number(&summary[key]));
    let rate = throughput(summary, connections);
    let responses = format!("{rate:.1}/s, {}, {}", of("p50_ms"), of("p99_ms"));
    match errors(&summary["errors"]) {
        0 => responses,
        errors => format!("{responses}, **{errors} errors**"),
    }
}

/// Memory and processor time of a sweep, and its highest throughput.
pub(super) fn resources(page: &mut String, run: &Run) -> Result {
    writeln!(
        page,
        "\nMemory after all steps, the highest requests/s of all steps, also per GiB of memory (PSS), and CPU time per request, including the \
         warm-up."
    )?;
    let columns = ["", "PSS", "RSS", "requests/s", "requests/s per GiB", "CPU per request"];
    table_head(page, &[&columns[..], &["errors"]].concat())?;
    for (target, (name, usage)) in targets(&run.report).iter().zip(&run.usage) {
        let steps = target["steps"].as_array().map_or(&[][..], Vec::as_slice);
        let rate =
            |step: &Value| throughput(&step["summary"], connections(step).unwrap_or_default());
        let most = steps.iter().map(rate).fold(0.0, f64::max);
        let errors: u64 = steps.iter().map(|step| errors(&step["summary"]["errors"])).sum();
        let requests: f64 = steps.iter().map(|step| number(&step["summary"]["requests"])).sum();
        let cells = [
            (*name).to_owned(),
            mib(usage.pss),
            mib(usage.rss),
            format!("{most:.1}"),
            format!("{:.0}", most / (usage.pss / 1024.0)),
            ms(usage.cpu * 1e3 / requests),
            errors.to_string(),
        ];
        table_row(page, &cells)?;
    }
    Ok(())
}
