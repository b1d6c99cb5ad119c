//! `docs/performance.md`.

use std::fmt::{Result, Write as _};

use serde_json::Value;

use super::{MANY, Results};
use crate::compare::goals::{self, Bound, Goal};
use crate::compare::markdown::{mib, ms, page, plot, table_head, table_row, versions};
use crate::compare::report::{connections, errors, machine, number, targets, text};
use crate::compare::runner::{Run, Runner};
use crate::compare::servers::Servers;

/// The position of Pilotlight among the targets of the scenarios that are compared.
const PILOTLIGHT: usize = 1;

pub(super) fn write(results: &Results, servers: &Servers, runner: &Runner) -> String {
    page(|page| page_text(page, results, servers, runner))
}

fn page_text(page: &mut String, results: &Results, servers: &Servers, runner: &Runner) -> Result {
    writeln!(
        page,
        "# Performance

`cargo xtask compare` measures Pilotlight with the default model and its peers, over loopback, in alternating rounds of one run, and
writes this page. Ratios are the results; absolute times depend on the machine: {}.
Inference on the host has its own page, [performance-host.md](performance-host.md).
",
        machine(&results.cold.report)
    )?;
    versions(page, &servers.versions, runner.is_quick())?;
    writeln!(page)?;
    goals::table(page, &goals(results))?;
    limits(page, results)?;
    faster_peers(page, results)?;
    scenario(
        page,
        "Cold requests, one after the other",
        &results.cold,
        "cold",
        "`GET /info` over one keep-alive connection: HTTP, sandbox and guest, without inference. By default, each request gets a \
         fresh instance; *reused* instances have served requests before.",
    )?;
    scenario(
        page,
        "Cold requests at a fixed rate",
        &results.jitter,
        "jitter",
        "`GET /info`, 500 requests/s at constant intervals, independent of the responses. Latency counts from the intended time of \
         a request. *no guest* is `/health` of Pilotlight's administration API, which responds without an instance and shows the \
         variation that the machine causes.",
    )?;
    scenario(
        page,
        "Inference",
        &results.inference,
        "inference",
        "Requests with one text of 43 tokens, one after the other, in fresh and in reused instances.",
    )?;
    starts(page, results)?;
    load(page, results)?;
    instances(page, results)
}

fn goals(results: &Results) -> Vec<Goal> {
    let wasmtime = "`wasmtime serve`, fresh instances";
    let ratio = |metric: &str, baseline: &str, most: f64, run: &Run, key: &str| {
        Goal::new(metric, baseline, Bound::AtMost(most)).ratio(&run.report["ratios"][0][key])
    };
    let of_python = |part: &str| start(results, 1, part) / start(results, 0, part);
    vec![
        ratio("cold request, p50", wasmtime, 0.40, &results.cold, "p50"),
        ratio("cold request, p99", wasmtime, 0.80, &results.cold, "p99"),
        ratio("p99.9 / p50 at 500 requests/s", wasmtime, 0.50, &results.jitter, "jitter"),
        ratio("first inference of an instance, p50", "later ones", 1.03, &results.inference, "p50"),
        Goal::new("start to first response", "Python", Bound::AtMost(1.0 / 40.0))
            .measured(of_python("total")),
        Goal::new("memory of one more instance", "the initial memory", Bound::AtMost(0.05))
            .measured(added(results) / results.image_mib),
        Goal::new("memory (PSS) after an inference", "Python", Bound::AtMost(0.50))
            .measured(of_python("pss")),
    ]
}

/// What limits the goals that depend on more than Pilotlight.
fn limits(page: &mut String, results: &Results) -> Result {
    let targets = &results.jitter.report["targets"];
    let [wasmtime, pilotlight, no_guest] = [0, 1, 2].map(|index| {
        let summary = &targets[index]["summary"];
        let [p50, p99_9] = ["p50_ms", "p99_9_ms"].map(|key| ms(number(&summary[key])));
        format!("{p50} and {p99_9} ({:.1}×)", number(&summary["jitter"]))
    });
    writeln!(
        page,
        "
**Jitter.** The latency of `/health`, which needs no guest, has a p50 and p99.9 of {no_guest}: the machine takes this time from every
process. With a guest they are {pilotlight}, in Wasmtime {wasmtime}. The lower the p50, the higher the ratio.

**Memory.** ONNX Runtime and the guest both hold the weights of the default model in 4 bits. [Memory of an \
instance](#memory-of-an-instance) lists the rest. An instance adds little memory, but the model is small, too.

**Inference.** Pilotlight's guests check in each iteration of each loop whether they have to stop, so that an endless loop can be
interrupted; `wasmtime serve`, as it is started here, cannot interrupt one. In the matrix kernels, whose loops fill all vector registers,
this check is most of the difference between the two ([decision 8](decisions/0008-interruption.md))."
    )
}

/// The percentiles in which a peer is faster.
fn faster_peers(page: &mut String, results: &Results) -> Result {
    writeln!(page, "\n**Where a peer is faster**\n")?;
    let mut any = false;
    for (name, run) in [
        ("cold requests", &results.cold),
        ("cold requests at a fixed rate", &results.jitter),
        ("inference", &results.inference),
    ] {
        let targets = targets(&run.report);
        let Some(pilotlight) = targets.get(PILOTLIGHT) else { continue };
        let is_peer = |target: &&Value| {
            let name = text(&target["name"]);
            !name.starts_with("pilotlight") && name != "no guest"
        };
        for peer in targets.iter().filter(is_peer) {
            for (label, key) in [("p50", "p50_ms"), ("p99", "p99_ms"), ("p99.9", "p99_9_ms")] {
                let [theirs, ours] =
                    [peer, pilotlight].map(|target| number(&target["summary"][key]));
                if theirs < ours {
                    any = true;
                    let (peer, theirs, ours) = (text(&peer["name"]), ms(theirs), ms(ours));
                    writeln!(page, "- {name}, {label}: {peer} {theirs}, pilotlight {ours}")?;
                }
            }
        }
    }
    if !any {
        writeln!(page, "- in none of these scenarios")?;
    }
    Ok(())
}

fn scenario(page: &mut String, title: &str, run: &Run, file: &str, about: &str) -> Result {
    writeln!(page, "\n## {title}\n\n{about}")?;
    let times = ["p50", "p90", "p99", "p99.9", "max", "mean ± σ", "p99.9 / p50"];
    let others = ["requests/s", "errors", "CPU per request", "PSS", "RSS"];
    table_head(page, &[&[""][..], &times, &others].concat())?;
    for (target, (_, usage)) in targets(&run.report).iter().zip(&run.usage) {
        let summary = &target["summary"];
        let time = |key: &str| ms(number(&summary[key]));
        let requests = number(&summary["requests"]).max(1.0);
        let mut cells = vec![text(&target["name"]).to_owned()];
        cells.extend(["p50_ms", "p90_ms", "p99_ms", "p99_9_ms", "max_ms"].map(time));
        cells.push(format!("{} ± {}", time("mean_ms"), time("sigma_ms")));
        cells.push(format!("{:.1}", number(&summary["jitter"])));
        cells.push(format!("{:.0}", number(&summary["requests_per_second"])));
        cells.push(errors(&summary["errors"]).to_string());
        cells.extend([ms(usage.cpu * 1e3 / requests), mib(usage.pss), mib(usage.rss)]);
        table_row(page, &cells)?;
    }
    writeln!(
        page,
        "\nCPU time includes the warm-up. Memory is that of the process after the scenario."
    )?;
    plot(page, title, file, &run.command)
}

fn starts(page: &mut String, results: &Results) -> Result {
    writeln!(
        page,
        "\n## Start\n\nThe time from `exec` to the first response with status 200, with compiled code in the cache, and one inference \
         after it. Only Pilotlight reports the parts of its start. Memory is that after the inference. Figures are medians."
    )?;
    let parts = ["process start", "component load", "instantiation", "first inference"];
    table_head(
        page,
        &[&["", "first response", "min – max"][..], &parts, &["PSS", "RSS"]].concat(),
    )?;
    for target in targets(&results.start.report) {
        let summary = &target["summary"];
        let median = |key: &str| summary[key]["median"].as_f64();
        let time = |key: &str| median(key).map_or_else(|| "–".to_owned(), ms);
        let total = |key: &str| ms(number(&summary["total"][key]));
        let mut cells = vec![text(&target["name"]).to_owned(), time("total")];
        cells.push(format!("{} – {}", total("min"), total("max")));
        cells.extend(
            ["process_start", "component_load", "instantiate", "first_inference"].map(time),
        );
        cells.extend(["pss", "rss"].map(|key| mib(median(key).unwrap_or(f64::NAN) / 1_048_576.0)));
        table_row(page, &cells)?;
    }
    plot(page, "Start", "start", &results.start.command)
}

fn load(page: &mut String, results: &Results) -> Result {
    writeln!(
        page,
        "\n## Inference under load\n\nRequests/s and p99 by the number of connections; each connection sends its next request when it has \
         its response. ONNX Runtime in the Python service computes natively, Pilotlight and Wasmtime in the sandbox."
    )?;
    let run = &results.load;
    let targets = targets(&run.report);
    let names = targets.iter().map(|target| text(&target["name"]));
    table_head(page, &std::iter::once("connections").chain(names).collect::<Vec<_>>())?;
    let steps = targets.first().and_then(|target| target["steps"].as_array()).map_or(0, Vec::len);
    for step in 0..steps {
        let count = connections(&targets[0]["steps"][step]).unwrap_or_default();
        let mut cells = vec![count.to_string()];
        cells.extend(targets.iter().map(|target| {
            let summary = &target["steps"][step]["summary"];
            let rate = number(&summary["requests_per_second"]);
            format!("{rate:.1}/s, {}", ms(number(&summary["p99_ms"])))
        }));
        table_row(page, &cells)?;
    }
    plot(page, "Load", "load", &run.command)
}

fn instances(page: &mut String, results: &Results) -> Result {
    let [(one, with_one), (many, with_many)] = &results.instances;
    writeln!(
        page,
        "\n## Memory of an instance\n\nAfter an inference in each instance, the process has {:.1} MiB (PSS) with one instance and {:.1} MiB \
         with {MANY}: {:.2} MiB for each additional instance. All instances share the weights in the page cache; RSS counts them once \
         for each instance ({:.0} and {:.0} MiB).",
        one.pss,
        many.pss,
        added(results),
        one.rss,
        many.rss
    )?;
    let columns = ["MiB", "1 instance: PSS", "private"].map(str::to_owned);
    let columns =
        [&columns[..], &[format!("{MANY} instances: PSS"), "private".to_owned()]].concat();
    table_head(page, &columns.iter().map(String::as_str).collect::<Vec<_>>())?;
    for (kind, (pss, private)) in with_many {
        let (pss_one, private_one) = with_one.get(kind).copied().unwrap_or_default();
        let mut cells = vec![(*kind).to_owned()];
        cells.extend([pss_one, private_one, *pss, *private].map(|mib| format!("{mib:.1}")));
        table_row(page, &cells)?;
    }
    Ok(())
}

/// Memory of each additional instance in MiB.
fn added(results: &Results) -> f64 {
    let [(one, _), (many, _)] = &results.instances;
    (many.pss - one.pss) / (MANY - 1) as f64
}

/// The median of a part of the start of one target.
fn start(results: &Results, target: usize, part: &str) -> f64 {
    number(&results.start.report["targets"][target]["summary"][part]["median"])
}
