//! What shares the compute threads: short and long texts, batches, and health checks.

use std::fmt::{Result, Write as _};

use serde_json::Value;

use crate::compare::host::batches;
use crate::compare::host::fairness::{Fairness, LONG_TOKENS, RATE, SHORT_TOKENS};
use crate::compare::host::scenarios::CONNECTIONS;
use crate::compare::host::servers::PADDED;
use crate::compare::markdown::{ms, plot, table_head, table_row};
use crate::compare::report::{errors, number, targets, throughput};
use crate::compare::runner::Run;

pub(super) fn fairness(page: &mut String, fairness: &Fairness) -> Result {
    writeln!(
        page,
        "\n## Short texts beside long ones\n\nThe default. Texts of {SHORT_TOKENS} tokens at {RATE}/s at constant intervals; one connection \
         sends a text of {LONG_TOKENS} tokens, and the next one when it has the response. Both alone and together, in alternating rounds. \
         Latency of short texts counts from the intended time of a request."
    )?;
    table_head(page, &["", "median of rounds", "range", "rounds"])?;
    for compared in fairness.short.iter().chain([&fairness.long]) {
        table_row(page, &compared.alone.cells(ms))?;
        table_row(page, &compared.beside.cells(ms))?;
    }
    Ok(())
}

pub(super) fn batching(page: &mut String, run: &Run) -> Result {
    writeln!(
        page,
        "\n## Batching\n\n{CONNECTIONS} connections to the default with values of `--max-batch-tokens`. *{PADDED}* is the backend \
         `onnxruntime` in f32: it computes only texts of the same padded length together. Rows per batch, reasons for closing a batch, and \
         the time that calls waited for their batch are from `/status`, including the warm-up. *interleaved* are calls computed between the stages of a longer batch."
    )?;
    let columns = ["", "requests/s", "p50", "p99", "errors", "rows per batch", "closed because"];
    table_head(page, &[&columns[..], &["wait, p50", "wait, p99"]].concat())?;
    for ((target, status), (name, _)) in
        targets(&run.report).iter().zip(&run.status).zip(&run.usage)
    {
        let summary = &target["summary"];
        let graph = &status["functions"]["default"]["current"]["graphs"][0];
        let rate = throughput(summary, CONNECTIONS);
        let mut cells = vec![(*name).to_owned(), format!("{rate:.1}")];
        cells.extend(["p50_ms", "p99_ms"].map(|key| ms(number(&summary[key]))));
        cells.push(errors(&summary["errors"]).to_string());
        cells.push(format!("{:.2}", batches::mean_rows(graph)));
        cells.push(batches::reasons(graph));
        cells.extend([0.5, 0.99].map(|share| batches::wait(graph, share)));
        table_row(page, &cells)?;
    }
    plot(page, "host-batching", "host-batching", &run.command)
}

pub(super) fn health(page: &mut String, [idle, busy]: &[Value; 2]) -> Result {
    writeln!(
        page,
        "\n## Health checks under load\n\n`/health` of the administration API, 100 requests/s at constant intervals, while {CONNECTIONS} \
         connections request inference from the default. Latency counts from the intended time of a request. The last columns show how late \
         the load generator, which shares the cores, sent the requests."
    )?;
    let columns = ["", "p50", "p99", "p99.9", "max", "errors"];
    let late = ["sent late, p50", "sent late, p99", "sent late, max"];
    table_head(page, &[&columns[..], &late].concat())?;
    for (name, target) in [("idle", idle), ("busy", busy)] {
        let (summary, pacing) = (&target["summary"], &target["pacing"]);
        let mut cells = vec![name.to_owned()];
        let quantiles = ["p50_ms", "p99_ms", "p99_9_ms", "max_ms"];
        cells.extend(quantiles.map(|key| ms(number(&summary[key]))));
        cells.push(errors(&summary["errors"]).to_string());
        cells.extend(["p50_ms", "p99_ms", "max_ms"].map(|key| ms(number(&pacing[key]))));
        table_row(page, &cells)?;
    }
    Ok(())
}
