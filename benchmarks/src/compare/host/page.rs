//! `docs/performance-host.md`.

use std::fmt::{Result, Write as _};

use serde_json::Value;

use super::corpus::{LONGEST, SHORTEST, TEXTS};
use super::direct::Outcome;
use super::files::{Texts, lengths};
use super::scenarios::{CONNECTIONS, PrecisionResults};
use super::servers::BATCHING;
use super::{Results, batches, wasmtime};
use crate::compare::goals::{self, Bound, Goal};
use crate::compare::markdown::{mib, ms, plot, table_head, table_row, versions};
use crate::compare::report::{connections, errors, machine, number, targets, text};
use crate::compare::runner::{Run, Runner};

const RATE: &str = "requests_per_second";

pub(super) fn write(results: &Results, corpus: &Texts, runner: &Runner) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = page_text(&mut page, results, corpus, runner);
    page
}

fn page_text(page: &mut String, results: &Results, corpus: &Texts, runner: &Runner) -> Result {
    let lengths = lengths(&corpus.ids).unwrap_or_default();
    let mean = lengths.iter().sum::<usize>() as f64 / lengths.len() as f64;
    writeln!(
        page,
        "# Performance of inference on the host

`cargo xtask compare host` measures Pilotlight with `--compute host`, FastAPI, and ONNX Runtime called directly, over loopback, in one
run, and writes this page. The machine: {}.
Load generator and server share the cores; direct calls have all cores to themselves.

All of them compute the same files with the same library: the default model's graph as `pilotlight build --compute host` writes it, in
f32 and in int8 (rotated, with one scale for each output channel and each token; attention in f32). They get the same {TEXTS} texts of
{SHORTEST} to {LONGEST} tokens (mean {mean:.0}, log-uniform distribution), composed of words of the golden texts, one text per request.
",
        machine(&results.fastapi.0.report)
    )?;
    versions(page, &results.versions, runner.is_quick())?;
    writeln!(page)?;
    goals::table(page, &goals(results))?;
    rounds(page, results)?;
    for results in &results.precisions {
        precision(page, results)?;
    }
    sandbox(page, &results.sandbox)?;
    if let Some(run) = &results.wasmtime {
        wasmtime(page, run)?;
    }
    batching(page, &results.batching)?;
    health(page, &results.health)?;
    fastapi(page, results)
}

fn goals(results: &Results) -> Vec<Goal> {
    const DIRECT: &str = "direct calls";
    let [f32, int8] = &results.precisions;
    let saturated = |results: &PrecisionResults, metric, bound| {
        Goal::new(metric, DIRECT, bound).repeated(&results.saturated.ratios())
    };
    let fastapi = |results: &PrecisionResults, metric, bound, key: &str| {
        let ratios = ratios_at(&results.sweep, CONNECTIONS);
        Goal::new(metric, "FastAPI", bound).ratio(&ratios[0][key])
    };
    let agreement = |results: &PrecisionResults, metric, bound| {
        let (equal, all) = results.agreement;
        let share = equal as f64 / all as f64 * 100.0;
        Goal::new(metric, "golden labels", bound).unit(" %").measured(share)
    };
    let latency = results.latency.ratios();
    let health = number(&results.health[1]["summary"]["p99_ms"]);
    vec![
        saturated(f32, "texts/s at saturation, f32", Bound::AtLeast(0.95)),
        saturated(int8, "texts/s at saturation, int8", Bound::None),
        fastapi(f32, "requests/s, 64 connections, f32", Bound::AtLeast(1.25), RATE),
        fastapi(f32, "p99, 64 connections, f32", Bound::AtMost(0.6), "p99"),
        fastapi(int8, "requests/s, 64 connections, int8", Bound::None, RATE),
        fastapi(int8, "p99, 64 connections, int8", Bound::None, "p99"),
        Goal::new("p50 of one text of 43 tokens, f32", DIRECT, Bound::AtMost(1.05))
            .repeated(&latency),
        agreement(f32, "equal labels, f32", Bound::AtLeast(100.0)),
        agreement(int8, "equal labels, int8", Bound::AtLeast(99.5)),
        Goal::new("p99 of `/health`, 64 connections", "–", Bound::AtMost(5.0))
            .unit(" ms")
            .measured(health),
    ]
}

/// The ratios of a sweep at a number of connections.
fn ratios_at<'a>(sweep: &'a Run, count: &str) -> &'a Value {
    let steps = sweep.report["ratios"].as_array().map_or(&[][..], Vec::as_slice);
    let matches = |step: &&Value| connections(step).is_some_and(|n| n.to_string() == count);
    steps.iter().find(matches).map_or(&Value::Null, |step| &step["ratios"])
}

/// The single rounds that goals are calculated from.
fn rounds(page: &mut String, results: &Results) -> Result {
    let list = |values: &[f64], shown: fn(f64) -> String| {
        values.iter().map(|value| shown(*value)).collect::<Vec<_>>().join(", ")
    };
    let rate = |rate: f64| format!("{rate:.1}");
    writeln!(page)?;
    for results in &results.precisions {
        let rounds = &results.saturated;
        writeln!(
            page,
            "- Saturation, {}: alternating rounds of direct calls, {} texts/s, and of {} connections to Pilotlight, {} requests/s.",
            results.precision.name(),
            list(&rounds.direct, rate),
            rounds.connections,
            list(&rounds.pilotlight, rate)
        )?;
    }
    writeln!(
        page,
        "- One text of 43 tokens: alternating rounds of direct calls with one thread or with all cores, whichever is faster, {}, and of \
         requests to Pilotlight, {}.",
        list(&results.latency.direct, ms),
        list(&results.latency.pilotlight, ms)
    )?;
    let [f32, int8] = [0, 1].map(|index| results.precisions[index].agreement);
    writeln!(
        page,
        "- Labels: tokens of the golden texts with the label that ONNX Runtime assigns with the 4-bit file; f32 {} of {}, int8 {} of {}.",
        f32.0, f32.1, int8.0, int8.1
    )
}

fn precision(page: &mut String, results: &PrecisionResults) -> Result {
    let name = results.precision.name();
    writeln!(
        page,
        "\n## {name}\n\nDirect calls in all settings. A batch contains texts of similar length; latencies are those of a batch."
    )?;
    table_head(page, &Outcome::COLUMNS)?;
    for outcome in &results.direct {
        table_row(page, &outcome.cells())?;
    }
    writeln!(
        page,
        "\nRequests/s, p50 and p99 by the number of connections; each connection sends its next request when it has its response."
    )?;
    steps(page, &results.sweep)?;
    resources(page, &results.sweep)?;
    let file = format!("host-{name}");
    plot(page, &file, &file, &results.sweep.command)
}

fn steps(page: &mut String, run: &Run) -> Result {
    let targets = targets(&run.report);
    let names = targets.iter().map(|target| text(&target["name"]));
    table_head(page, &std::iter::once("connections").chain(names).collect::<Vec<_>>())?;
    let count = targets.first().and_then(|target| target["steps"].as_array()).map_or(0, Vec::len);
    for step in 0..count {
        let load = connections(&targets[0]["steps"][step]).unwrap_or_default();
        let mut cells = vec![load.to_string()];
        cells.extend(targets.iter().map(|target| responses(&target["steps"][step]["summary"])));
        table_row(page, &cells)?;
    }
    Ok(())
}

fn responses(summary: &Value) -> String {
    let of = |key: &str| ms(number(&summary[key]));
    let responses = format!("{:.1}/s, {}, {}", number(&summary[RATE]), of("p50_ms"), of("p99_ms"));
    match errors(&summary["errors"]) {
        0 => responses,
        errors => format!("{responses}, **{errors} errors**"),
    }
}

/// Memory and processor time of a sweep, and its highest throughput.
fn resources(page: &mut String, run: &Run) -> Result {
    writeln!(
        page,
        "\nMemory after all steps, the highest requests/s of all steps, also per GiB of memory (PSS), and CPU time per request, including the \
         warm-up."
    )?;
    let columns = ["", "PSS", "RSS", "requests/s", "requests/s per GiB", "CPU per request"];
    table_head(page, &[&columns[..], &["errors"]].concat())?;
    for (target, (name, usage)) in targets(&run.report).iter().zip(&run.usage) {
        let steps = target["steps"].as_array().map_or(&[][..], Vec::as_slice);
        let summaries = || steps.iter().map(|step| &step["summary"]);
        let most = summaries().map(|summary| number(&summary[RATE])).fold(0.0, f64::max);
        let errors: u64 = summaries().map(|summary| errors(&summary["errors"])).sum();
        let requests: f64 = summaries().map(|summary| number(&summary["requests"])).sum();
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

fn sandbox(page: &mut String, run: &Run) -> Result {
    writeln!(
        page,
        "\n## In the sandbox\n\nFor comparison: the same texts with `--compute guest`, the default of `pilotlight build`."
    )?;
    steps(page, run)?;
    resources(page, run)?;
    plot(page, "host-sandbox", "host-sandbox", &run.command)
}

fn wasmtime(page: &mut String, run: &Run) -> Result {
    writeln!(
        page,
        "\n## Wasmtime's own wasi-nn\n\nThe same component in f32, one text of 43 tokens. The published `wasmtime serve` supports wasi-nn \
         with OpenVINO only ({}); it got the graph in OpenVINO's format. It loads the graph for each instance, and a call of wasi-nn blocks \
         the thread that runs the guest. *pilotlight* and *fresh instances* use a fresh instance for each request.",
        wasmtime::PACKAGE
    )?;
    steps(page, run)?;
    resources(page, run)?;
    plot(page, "host-wasmtime", "host-wasmtime", &run.command)
}

fn batching(page: &mut String, run: &Run) -> Result {
    writeln!(
        page,
        "\n## Batching\n\n{CONNECTIONS} connections, f32, with values of `--max-batch` and `--pad-to-multiple-of` (texts are padded to multiples of it). \
         Only texts of the same padded length share a batch. Rows per batch, reasons for closing a batch, and the time that calls waited \
         for their batch are from `/status`, including the warm-up."
    )?;
    let columns = ["", "requests/s", "p50", "p99", "errors", "rows per batch", "closed because"];
    table_head(page, &[&columns[..], &["wait, p50", "wait, p99"]].concat())?;
    let statuses = run.status.iter().zip(&BATCHING);
    for (target, (status, setting)) in targets(&run.report).iter().zip(statuses) {
        let summary = &target["summary"];
        let graph = &status["functions"]["default"]["current"]["graphs"][0];
        let mut cells = vec![setting.name.to_owned(), format!("{:.1}", number(&summary[RATE]))];
        cells.extend(["p50_ms", "p99_ms"].map(|key| ms(number(&summary[key]))));
        cells.push(errors(&summary["errors"]).to_string());
        cells.push(format!("{:.2}", batches::mean_rows(graph)));
        cells.push(batches::reasons(graph));
        cells.extend([0.5, 0.99].map(|share| batches::wait(graph, share)));
        table_row(page, &cells)?;
    }
    plot(page, "host-batching", "host-batching", &run.command)
}

fn health(page: &mut String, [idle, busy]: &[Value; 2]) -> Result {
    writeln!(
        page,
        "\n## Health checks under load\n\n`/health` of the administration API, 100 requests/s at constant intervals, while {CONNECTIONS} \
         connections request inference (f32). Latency counts from the intended time of a request. The last columns show how late the load \
         generator, which shares the cores, sent the requests."
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

fn fastapi(page: &mut String, results: &Results) -> Result {
    let (run, threads) = &results.fastapi;
    writeln!(
        page,
        "\n## Threads of the FastAPI service\n\nThe service (benchmarks/python/fastapi_service.py) is one process. The comparisons above use its \
         fastest setting at {CONNECTIONS} connections: {}. With one thread per inference, a single connection uses one core.",
        threads.name
    )?;
    table_head(page, &["", "requests/s", "p50", "p99", "errors", "PSS"])?;
    for (target, (name, usage)) in targets(&run.report).iter().zip(&run.usage) {
        let summary = &target["summary"];
        let mut cells = vec![(*name).to_owned(), format!("{:.1}", number(&summary[RATE]))];
        cells.extend(["p50_ms", "p99_ms"].map(|key| ms(number(&summary[key]))));
        cells.extend([errors(&summary["errors"]).to_string(), mib(usage.pss)]);
        table_row(page, &cells)?;
    }
    plot(page, "host-fastapi", "host-fastapi", &run.command)
}
