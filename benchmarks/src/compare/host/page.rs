//! `docs/performance-host.md`.

use std::fmt::{Result, Write as _};

use serde_json::Value;

use super::contenders::BATCHING;
use super::corpus::{LONGEST, SHORTEST, TEXTS};
use super::files::{Texts, lengths};
use super::measure::{CONNECTIONS, Found};
use super::{Results, batches};
use crate::compare::goal::{self, Bound, Goal};
use crate::compare::lab::{Lab, Run};
use crate::compare::words::{errors, head, machine, ms, number, row, versions, word};

pub(super) fn write(results: &Results, corpus: &Texts, lab: &Lab) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = page_text(&mut page, results, corpus, lab);
    page
}

fn page_text(page: &mut String, results: &Results, corpus: &Texts, lab: &Lab) -> Result {
    let lengths = lengths(&corpus.ids).unwrap_or_default();
    let mean = lengths.iter().sum::<usize>() as f64 / lengths.len() as f64;
    writeln!(
        page,
        "# Performance of computing on the host

Written by `cargo xtask compare host`: everything below was measured in one run, over loopback, on {}.
The programs that ask run on the same cores as those that answer; the direct call has all cores for itself.

All compute the same files with the same library: the default model's graph as `pilotlight build --compute host` writes it
beside the component, in f32 and in int8 (rotated, one scale for each output channel and each token; attention in f32). They are sent the same {TEXTS} texts of
{SHORTEST} to {LONGEST} tokens (mean {mean:.0}; each length is as frequent as its double), one text in a request, made of the
golden texts, which are made up.
",
        machine(&results.fastapi.0.report)
    )?;
    versions(page, &results.versions, lab.is_quick())?;
    writeln!(page)?;
    goal::table(page, &goals(results))?;
    remarks(page, results)?;
    for found in &results.found {
        precision(page, found)?;
    }
    sandbox(page, &results.sandbox)?;
    if let Some(run) = &results.wasmtime {
        beside_wasmtime(page, run)?;
    }
    batching(page, &results.batching)?;
    health(page, &results.health)?;
    fastapi(page, results)
}

fn goals(results: &Results) -> Vec<Goal> {
    let [f32, int8] = &results.found;
    let saturated = |found: &Found, what, bound| {
        Goal::new(what, "the direct call", bound).repeated(&found.saturated.ratios())
    };
    let beside = |found: &Found, what, bound, key: &str| {
        let goal = Goal::new(what, "FastAPI", bound);
        goal.ratio(&at(&found.sweep, CONNECTIONS)["ratios"][0][key])
    };
    let agreement = |found: &Found, what, bound| {
        let (equal, all) = found.agreement;
        let share = equal as f64 / all as f64 * 100.0;
        Goal::new(what, "golden labels", bound).unit(" %").found(share)
    };
    let (latency, health) =
        (results.latency.ratios(), number(&results.health[1]["summary"]["p99_ms"]));
    vec![
        saturated(f32, "6: texts/s at saturation, f32", Bound::AtLeast(0.95)),
        saturated(int8, "6: the same, int8", Bound::None),
        beside(f32, "7: requests/s, 64 connections, f32", Bound::AtLeast(1.25), RATE),
        beside(f32, "7: p99, the same", Bound::AtMost(0.6), "p99"),
        beside(int8, "7: requests/s, 64 connections, int8", Bound::None, RATE),
        beside(int8, "7: p99, the same", Bound::None, "p99"),
        Goal::new("8: one text of 43 tokens, p50, f32", "the direct call", Bound::AtMost(1.05))
            .repeated(&latency),
        agreement(f32, "14: equal labels, f32", Bound::AtLeast(100.0)),
        agreement(int8, "14: equal labels, int8", Bound::AtLeast(99.5)),
        Goal::new("`/health`, p99, 64 connections", "–", Bound::AtMost(5.0))
            .unit(" ms")
            .found(health),
    ]
}

const RATE: &str = "requests_per_second";

/// The ratios of a sweep at so many connections.
fn at<'a>(sweep: &'a Run, connections: &str) -> &'a Value {
    let steps = sweep.report["ratios"].as_array().map_or(&[][..], Vec::as_slice);
    let here = |step: &&Value| {
        super::connections(step).is_some_and(|count| count.to_string() == connections)
    };
    steps.iter().find(here).unwrap_or(&Value::Null)
}

/// How the goals were measured, and what bounds them.
fn remarks(page: &mut String, results: &Results) -> Result {
    let [f32, int8] = &results.found;
    let list = |values: &[f64]| {
        values.iter().map(|value| format!("{value:.1}")).collect::<Vec<_>>().join(", ")
    };
    writeln!(page)?;
    for found in [f32, int8] {
        let pairs = &found.saturated;
        writeln!(
            page,
            "- Saturation, {}: rounds of the direct call, {} texts/s, in turn with rounds of {} connections, {} requests/s.",
            found.precision.word(),
            list(&pairs.direct),
            pairs.connections,
            list(&pairs.ours)
        )?;
    }
    let list =
        |values: &[f64]| values.iter().map(|value| ms(*value)).collect::<Vec<_>>().join(", ");
    writeln!(
        page,
        "- One text after the other: rounds of the direct call with one thread and with all, the faster one: {}; \
         through HTTP and sandbox: {}.",
        list(&results.latency.direct),
        list(&results.latency.ours)
    )?;
    writeln!(
        page,
        "- Labels: all tokens of the golden texts, asked for through HTTP, beside what ONNX Runtime gave for the 4-bit \
         file; f32 {} of {}, int8 {} of {}.",
        f32.agreement.0, f32.agreement.1, int8.agreement.0, int8.agreement.1
    )
}

fn precision(page: &mut String, found: &Found) -> Result {
    let name = found.precision.word();
    writeln!(
        page,
        "\n## {name}\n\nThe direct call in its settings; batches are of texts of like lengths. Latency is that of a batch."
    )?;
    let columns = ["sessions", "threads each", "batch", "texts/s", "p50", "p99", "RSS"];
    head(page, &columns)?;
    for outcome in &found.limit {
        row(page, &outcome.cells())?;
    }
    writeln!(
        page,
        "\nRequests/s, p50 and p99 by connections that ask as fast as they are answered."
    )?;
    steps(page, &found.sweep)?;
    resources(page, &found.sweep)?;
    plot(page, &found.sweep, &format!("host-{name}"))
}

fn steps(page: &mut String, run: &Run) -> Result {
    let targets = run.report["targets"].as_array().map_or(&[][..], Vec::as_slice);
    let names = targets.iter().map(|target| word(&target["name"]));
    head(page, &std::iter::once("connections").chain(names).collect::<Vec<_>>())?;
    let count = targets.first().and_then(|target| target["steps"].as_array()).map_or(0, Vec::len);
    for step in 0..count {
        let load = super::connections(&targets[0]["steps"][step]).unwrap_or_default();
        let mut cells = vec![load.to_string()];
        cells.extend(targets.iter().map(|target| answers(&target["steps"][step]["summary"])));
        row(page, &cells)?;
    }
    Ok(())
}

fn answers(summary: &Value) -> String {
    let of = |key: &str| ms(number(&summary[key]));
    let answers = format!("{:.1}/s, {}, {}", number(&summary[RATE]), of("p50_ms"), of("p99_ms"));
    match errors(&summary["errors"]) {
        0 => answers,
        errors => format!("{answers}, **{errors} errors**"),
    }
}

/// What a sweep took of the machine, and how it is used where most is answered.
fn resources(page: &mut String, run: &Run) -> Result {
    writeln!(
        page,
        "\nMemory when the sweep has ended, the most requests/s of it for each GiB (PSS), and processor time for each \
         request, warm-up included."
    )?;
    let columns = ["", "PSS", "RSS", "requests/s", "requests/s per GiB", "CPU per request"];
    head(page, &[&columns[..], &["errors"]].concat())?;
    let targets = run.report["targets"].as_array().into_iter().flatten();
    for (target, (name, usage)) in targets.zip(&run.usage) {
        let steps = target["steps"].as_array().map_or(&[][..], Vec::as_slice);
        let summaries = || steps.iter().map(|step| &step["summary"]);
        let most = summaries().map(|summary| number(&summary[RATE])).fold(0.0, f64::max);
        let errors: u64 = summaries().map(|summary| errors(&summary["errors"])).sum();
        let requests: f64 = summaries().map(|summary| number(&summary["requests"])).sum();
        let cells = [
            (*name).to_owned(),
            mebibytes(usage.pss),
            mebibytes(usage.rss),
            format!("{most:.1}"),
            format!("{:.0}", most / (usage.pss / 1024.0)),
            ms(usage.cpu * 1e3 / requests),
            errors.to_string(),
        ];
        row(page, &cells)?;
    }
    Ok(())
}

fn sandbox(page: &mut String, run: &Run) -> Result {
    writeln!(
        page,
        "\n## In the sandbox\n\nFor reference: `--compute guest`, the default model as `pilotlight build` makes it, the same texts."
    )?;
    steps(page, run)?;
    resources(page, run)?;
    plot(page, run, "host-sandbox")
}

fn beside_wasmtime(page: &mut String, run: &Run) -> Result {
    writeln!(
        page,
        "\n## Wasmtime's own wasi-nn\n\nThe same component in f32, one text of 43 tokens. The published `wasmtime serve` has wasi-nn with \
         OpenVINO only ({}), which was given the graph in its own format; it loads the graph anew for every instance, and its calls \
         hold the thread that drives the guest. Its instances are fresh for each request, as ours are, or reused.",
        super::wasmtime::PACKAGE
    )?;
    steps(page, run)?;
    resources(page, run)?;
    plot(page, run, "host-wasmtime")
}

fn batching(page: &mut String, run: &Run) -> Result {
    writeln!(
        page,
        "\n## Batching\n\n{CONNECTIONS} connections, f32: `--max-batch` and `--pad-to-multiple-of`, the multiple that texts are padded to. Rows in \
         a batch, why batches were closed and how long calls waited for one are what `/status` tells, warm-up included. \
         Only texts of the same padded length share a batch."
    )?;
    let columns =
        ["", "requests/s", "p50", "p99", "errors", "rows in a batch", "closed", "wait, p50", "p99"];
    head(page, &columns)?;
    let targets = run.report["targets"].as_array().into_iter().flatten();
    for (target, (status, setting)) in targets.zip(run.status.iter().zip(&BATCHING)) {
        let (summary, graph) =
            (&target["summary"], &status["functions"]["default"]["current"]["graphs"][0]);
        let mut cells = vec![setting.name.to_owned(), format!("{:.1}", number(&summary[RATE]))];
        cells.extend(["p50_ms", "p99_ms"].map(|key| ms(number(&summary[key]))));
        cells.push(errors(&summary["errors"]).to_string());
        cells.push(format!("{:.2}", batches::mean_rows(graph)));
        cells.push(batches::reasons(graph));
        cells.extend([0.5, 0.99].map(|share| batches::wait(graph, share)));
        row(page, &cells)?;
    }
    plot(page, run, "host-batching")
}

fn health(page: &mut String, [idle, busy]: &[Value; 2]) -> Result {
    writeln!(
        page,
        "\n## Health while all cores compute\n\n`/health` of the administration's listener, 100 requests a second at constant \
         intervals, while {CONNECTIONS} connections ask for inference (f32). Latency counts from the intended moment; the \
         program that asks has to get a core as well, and was late by what the last columns say."
    )?;
    head(page, &["", "p50", "p99", "p99.9", "max", "errors", "asked late, p50", "p99", "max"])?;
    for (name, target) in [("idle", idle), ("busy", busy)] {
        let (summary, pacing) = (&target["summary"], &target["pacing"]);
        let mut cells = vec![name.to_owned()];
        let quantiles = ["p50_ms", "p99_ms", "p99_9_ms", "max_ms"];
        cells.extend(quantiles.map(|key| ms(number(&summary[key]))));
        cells.push(errors(&summary["errors"]).to_string());
        cells.extend(["p50_ms", "p99_ms", "max_ms"].map(|key| ms(number(&pacing[key]))));
        row(page, &cells)?;
    }
    Ok(())
}

fn fastapi(page: &mut String, results: &Results) -> Result {
    let (run, threads) = &results.fastapi;
    writeln!(
        page,
        "\n## FastAPI's threads\n\nThe service was given the setting with the most answers at {CONNECTIONS} connections: {}. It is \
         one process (tests/load/service.py). With one thread in a run, a single connection is computed by one core.",
        threads.name
    )?;
    head(page, &["", "requests/s", "p50", "p99", "errors", "PSS"])?;
    let targets = run.report["targets"].as_array().into_iter().flatten();
    for (target, (name, usage)) in targets.zip(&run.usage) {
        let summary = &target["summary"];
        let mut cells = vec![(*name).to_owned(), format!("{:.1}", number(&summary[RATE]))];
        cells.extend(["p50_ms", "p99_ms"].map(|key| ms(number(&summary[key]))));
        cells.extend([errors(&summary["errors"]).to_string(), mebibytes(usage.pss)]);
        row(page, &cells)?;
    }
    plot(page, run, "host-fastapi")
}

fn plot(page: &mut String, run: &Run, name: &str) -> Result {
    // The corpus lies in the target folder, wherever that is.
    let words = run.command.split(' ').map(|word| match word.rsplit_once('/') {
        Some((_, file)) if file.ends_with(".jsonl") => file,
        _ => word,
    });
    let command = words.collect::<Vec<_>>().join(" ");
    writeln!(page, "\n![{name}](performance/{name}.svg)\n\n```sh\n{command}\n```")
}

fn mebibytes(mebibytes: f64) -> String {
    format!("{mebibytes:.0} MiB")
}
