//! `docs/performance.md`.

use std::fmt::Write as _;

use serde_json::Value;

use super::goal::{self, Bound, Goal};
use super::lab::{Lab, MANY, Results, Run};
use super::line_up::LineUp;
use super::words::{errors, machine, ms, number, versions, word};

pub(super) fn write(results: &Results, line_up: &LineUp, lab: &Lab) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = page_text(&mut page, results, line_up, lab);
    page
}

fn page_text(
    page: &mut String,
    results: &Results,
    line_up: &LineUp,
    lab: &Lab,
) -> Result<(), std::fmt::Error> {
    let machine = machine(&results.cold.report);
    writeln!(page, "# Performance\n")?;
    writeln!(
        page,
        "Written by `cargo xtask compare`: everything below was measured in one run, side by"
    )?;
    writeln!(
        page,
        "side, in alternating rounds, over loopback, with the default model. Ratios are what"
    )?;
    writeln!(page, "counts; absolute times belong to this machine: {machine}.\n")?;
    writeln!(
        page,
        "Computing on the host has a page of its own: [performance-host.md](performance-host.md).\n"
    )?;
    versions(page, &line_up.versions, lab.is_quick())?;
    goals(page, results)?;
    explanations(page, results)?;
    scenario(
        page,
        "Cold answers, one after the other",
        &results.cold,
        "cold",
        "`GET /info` over one kept-alive connection: HTTP, sandbox and guest, without inference. \
         *fresh* is the default of Pilotlight; *reused* instances have answered requests before.",
    )?;
    scenario(
        page,
        "Cold answers at a fixed rate",
        &results.jitter,
        "jitter",
        "`GET /info`, 500 requests a second at constant intervals whatever the answers do: latency \
         counts from the intended moment. *no guest* is Pilotlight's `/health`, answered without \
         any sandbox: what the machine does to every answer.",
    )?;
    scenario(
        page,
        "Inference",
        &results.inference,
        "inference",
        "One text of 43 tokens after the other. The first inference of a fresh instance beside \
         those of instances that are reused.",
    )?;
    starts(page, results)?;
    load(page, results)?;
    instances(page, results)
}

fn goals(page: &mut String, results: &Results) -> std::fmt::Result {
    let fresh = "Wasmtime, fresh";
    let memory = start(results, 1, "pss") / start(results, 0, "pss");
    let found = [
        of_run("cold answer, p50", fresh, 0.40, &results.cold, "p50"),
        of_run("cold answer, p99", fresh, 0.80, &results.cold, "p99"),
        of_run("jitter p99.9 / p50 at 500/s", fresh, 0.50, &results.jitter, "jitter"),
        of_run("first inference of an instance", "later ones", 1.03, &results.inference, "p50"),
        Goal::new("exec to first HTTP 200", "Python", Bound::AtMost(1.0 / 40.0))
            .found(start(results, 1, "total") / start(results, 0, "total")),
        Goal::new("memory of one more live instance", "the whole model", Bound::AtMost(0.05))
            .found(added(results) / results.image_mib),
        Goal::new("resident memory (PSS) after an inference", "Python", Bound::AtMost(0.50))
            .found(memory),
    ];
    writeln!(page)?;
    goal::table(page, &found)
}

/// The second target of a scenario beside its first.
fn of_run(what: &'static str, beside: &'static str, most: f64, run: &Run, key: &str) -> Goal {
    let goal = Goal::new(what, beside, Bound::AtMost(most));
    goal.ratio(&run.report["ratios"][0][key])
}

/// What bounds the goals about memory, and the speed of inference.
fn bounds(page: &mut String) -> std::fmt::Result {
    let text = "**Memory.** ONNX Runtime and the guest both hold the default model's weights in 4 bits; \
the table under *Memory of an instance* has all else. What an instance adds is little, but the model is little, too.\n\n\
**Inference.** Pilotlight's guests ask at every turn of every loop whether their time is up, so that an endless one \
can be stopped; `wasmtime serve`, as it is started here, could not stop one. In the matrix kernels, whose \
loops fill all vector registers, that is most of the difference between the two \
(docs/decisions/0008-interruption.md).\n";
    writeln!(page, "{text}")
}

/// What bounds the goals that depend on more than us.
fn explanations(page: &mut String, results: &Results) -> std::fmt::Result {
    let targets = &results.jitter.report["targets"];
    let of = |index: usize, key: &str| number(&targets[index]["summary"][key]);
    writeln!(
        page,
        "\n**Jitter.** The same server answers `/health` without any guest with a p50 of {} and a",
        ms(of(2, "p50_ms"))
    )?;
    writeln!(
        page,
        "p99.9 of {} ({:.1}×): that is what the machine takes away from every process on it.",
        ms(of(2, "p99_9_ms")),
        of(2, "jitter")
    )?;
    writeln!(
        page,
        "With a guest it is {} and {} ({:.1}×), in Wasmtime {} and {} ({:.1}×). A ratio to p50",
        ms(of(1, "p50_ms")),
        ms(of(1, "p99_9_ms")),
        of(1, "jitter"),
        ms(of(0, "p50_ms")),
        ms(of(0, "p99_9_ms")),
        of(0, "jitter")
    )?;
    writeln!(page, "grows as p50 falls towards that floor.\n")?;
    bounds(page)?;
    writeln!(page, "**Where a peer wins.**\n")?;
    let mut any = false;
    for (name, run, ours) in [
        ("cold answers", &results.cold, 1),
        ("cold answers at a fixed rate", &results.jitter, 1),
        ("inference", &results.inference, 1),
    ] {
        let targets = run.report["targets"].as_array().map_or(&[][..], Vec::as_slice);
        let Some(mine) = targets.get(ours) else { continue };
        for target in
            targets.iter().filter(|target| !word(&target["name"]).starts_with("pilotlight"))
        {
            for (label, key) in [("p50", "p50_ms"), ("p99", "p99_ms"), ("p99.9", "p99_9_ms")] {
                let (theirs, mine) =
                    (number(&target["summary"][key]), number(&mine["summary"][key]));
                if theirs < mine && word(&target["name"]) != "no guest" {
                    any = true;
                    writeln!(
                        page,
                        "- {name}, {label}: {} {}, pilotlight {}",
                        word(&target["name"]),
                        ms(theirs),
                        ms(mine)
                    )?;
                }
            }
        }
    }
    if !any {
        writeln!(page, "- nowhere in these scenarios")?;
    }
    Ok(())
}

fn scenario(
    page: &mut String,
    title: &str,
    run: &Run,
    plot: &str,
    about: &str,
) -> std::fmt::Result {
    writeln!(page, "\n## {title}\n\n{about}\n")?;
    writeln!(
        page,
        "| | p50 | p90 | p99 | p99.9 | max | mean ± σ | p99.9 / p50 | requests/s | errors | CPU per request | PSS | RSS |"
    )?;
    writeln!(
        page,
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    )?;
    for (index, target) in run.report["targets"].as_array().into_iter().flatten().enumerate() {
        let summary = &target["summary"];
        let of = |key: &str| ms(number(&summary[key]));
        let usage = run.usage.get(index).map(|(_, usage)| *usage).unwrap_or_default();
        let requests = number(&summary["requests"]).max(1.0);
        writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} ± {} | {:.1} | {:.0} | {} | {} | {:.0} MiB | {:.0} MiB |",
            word(&target["name"]),
            of("p50_ms"),
            of("p90_ms"),
            of("p99_ms"),
            of("p99_9_ms"),
            of("max_ms"),
            of("mean_ms"),
            of("sigma_ms"),
            number(&summary["jitter"]),
            number(&summary["requests_per_second"]),
            errors(&summary["errors"]),
            ms(usage.cpu * 1e3 / requests),
            usage.pss,
            usage.rss
        )?;
    }
    writeln!(
        page,
        "\nCPU includes the warm-up; memory is that of the process when the scenario has ended."
    )?;
    writeln!(page, "\n![{title}](performance/{plot}.svg)\n\n```sh\n{}\n```", run.command)
}

fn starts(page: &mut String, results: &Results) -> std::fmt::Result {
    writeln!(
        page,
        "\n## Start\n\nFrom `exec` to the first HTTP 200, machine code present; then one inference. The four parts"
    )?;
    writeln!(page, "of a cold start where the server tells them; memory after the inference.\n")?;
    writeln!(
        page,
        "| | first 200 | min – max | process start | component load | instantiate | first inference | PSS | RSS |"
    )?;
    writeln!(page, "| --- | --- | --- | --- | --- | --- | --- | --- | --- |")?;
    for target in results.start.report["targets"].as_array().into_iter().flatten() {
        let summary = &target["summary"];
        let part = |key: &str| match summary[key]["median"].as_f64() {
            Some(median) => ms(median),
            None => "–".to_owned(),
        };
        let mebibytes = |key: &str| number(&summary[key]["median"]) / 1_048_576.0;
        writeln!(
            page,
            "| {} | {} | {} – {} | {} | {} | {} | {} | {:.0} MiB | {:.0} MiB |",
            word(&target["name"]),
            part("total"),
            ms(number(&summary["total"]["min"])),
            ms(number(&summary["total"]["max"])),
            part("process_start"),
            part("component_load"),
            part("instantiate"),
            part("first_inference"),
            mebibytes("pss"),
            mebibytes("rss")
        )?;
    }
    writeln!(page, "\n![Start](performance/start.svg)\n\n```sh\n{}\n```", results.start.command)
}

fn load(page: &mut String, results: &Results) -> std::fmt::Result {
    writeln!(
        page,
        "\n## Inference under load\n\nRequests/s and p99 by the number of connections that ask as fast as they are answered."
    )?;
    writeln!(
        page,
        "Python's ONNX Runtime computes natively; Pilotlight and Wasmtime inside the sandbox.\n"
    )?;
    let targets = results.load.report["targets"].as_array().map_or(&[][..], Vec::as_slice);
    let names: Vec<_> = targets.iter().map(|target| word(&target["name"])).collect();
    writeln!(
        page,
        "| connections | {} |\n| --- |{}",
        names.join(" | "),
        " --- |".repeat(names.len())
    )?;
    let steps = targets.first().and_then(|target| target["steps"].as_array()).map_or(0, Vec::len);
    for step in 0..steps {
        let cells = targets.iter().map(|target| {
            let summary = &target["steps"][step]["summary"];
            format!(
                "{:.1}/s, {}",
                number(&summary["requests_per_second"]),
                ms(number(&summary["p99_ms"]))
            )
        });
        let load = &targets[0]["steps"][step]["load"];
        let connections = load.as_object().and_then(|load| load.values().find_map(Value::as_u64));
        writeln!(
            page,
            "| {} | {} |",
            connections.unwrap_or_default(),
            cells.collect::<Vec<_>>().join(" | ")
        )?;
    }
    writeln!(page, "\n![Load](performance/load.svg)\n\n```sh\n{}\n```", results.load.command)
}

fn instances(page: &mut String, results: &Results) -> std::fmt::Result {
    let [(one, with_one), (many, with_many)] = &results.instances;
    let (added, one_pss, many_pss) = (added(results), one.pss, many.pss);
    writeln!(page, "\n## Memory of an instance\n")?;
    writeln!(
        page,
        "With one live instance that has inferred, the process has {one_pss:.1} MiB (PSS); with {MANY}, \
         {many_pss:.1} MiB: {added:.2} MiB for each further one. The weights are in the page cache \
         once, whoever maps them; RSS counts them once for each instance ({:.0} and {:.0} MiB).\n",
        one.rss, many.rss
    )?;
    writeln!(page, "| MiB | 1 instance: PSS | private | {MANY} instances: PSS | private |")?;
    writeln!(page, "| --- | --- | --- | --- | --- |")?;
    for (kind, (pss, private)) in with_many {
        let (pss_one, private_one) = with_one.get(kind).copied().unwrap_or_default();
        writeln!(page, "| {kind} | {pss_one:.1} | {private_one:.1} | {pss:.1} | {private:.1} |")?;
    }
    Ok(())
}

fn added(results: &Results) -> f64 {
    let [(one, _), (many, _)] = &results.instances;
    (many.pss - one.pss) / (MANY - 1) as f64
}

fn start(results: &Results, target: usize, part: &str) -> f64 {
    number(&results.start.report["targets"][target]["summary"][part]["median"])
}
