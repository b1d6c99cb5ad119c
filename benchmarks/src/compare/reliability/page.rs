use std::fmt::Write as _;

use serde_json::Value;

use super::Findings;
use super::faults::{Faults, Others};
use super::neighbors::Neighbors;
use super::overload::Overload;
use super::stopping::Stopping;
use super::watching::Watching;
use crate::compare::goal::{self, Bound, Goal};
use crate::compare::lab::Lab;
use crate::compare::words::{errors, head, machine, ms, number, quick_note, row, word};

pub(super) fn write(findings: &Findings, lab: &Lab) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = text(&mut page, findings, lab);
    page
}

/// The section about neighbors as a page of its own.
pub(super) fn neighbors_alone(found: &[Neighbors], lab: &Lab) -> String {
    let mut page = "# Busy neighbors\n".to_owned();
    // Writing to a string cannot fail.
    let _ = quick_note(&mut page, lab.is_quick());
    let _ = goal::table(&mut page, &neighbor_goals(found));
    let _ = neighbors(&mut page, found);
    page
}

fn text(page: &mut String, findings: &Findings, lab: &Lab) -> std::fmt::Result {
    let machine = findings.watching.first().map(|one| machine(&one.report)).unwrap_or_default();
    writeln!(
        page,
        "# Reliability\n\nWritten by `cargo xtask compare reliability`, in one run, over loopback, server and callers on one machine: \
         {machine}. What happens when everything comes together is in [reliability-soak.md](reliability-soak.md), \
         changes of version are in [performance-swaps.md](performance-swaps.md).\n"
    )?;
    quick_note(page, lab.is_quick())?;
    writeln!(page)?;
    goals(page, findings)?;
    overload(page, &findings.overload)?;
    neighbors(page, &findings.neighbors)?;
    faults(page, &findings.faults)?;
    stopping(page, &findings.stopping)?;
    watching(page, &findings.watching)
}

fn goals(page: &mut String, findings: &Findings) -> std::fmt::Result {
    let lost: usize =
        findings.faults.found.iter().map(|one| one.same.lost.len() + one.model.lost.len()).sum();
    let latest = findings.stopping.iter().filter_map(|one| one.late.last()).copied();
    let mut found: Vec<Goal> = Vec::new();
    for one in &findings.overload {
        let goal = Goal::new("good answers at 3 times saturation", one.name, Bound::AtLeast(0.9));
        found.push(goal.found(one.kept()));
    }
    let nobody = Goal::new("requests of others lost while one fails", "–", Bound::AtMost(0.0));
    found.push(nobody.unit("").found(lost as f64));
    let late = Goal::new("a guest that spins is stopped after its limit", "–", Bound::AtMost(20.0));
    found.push(late.unit(" ms").found(latest.fold(f64::NAN, f64::max)));
    for one in &findings.watching {
        let goal =
            Goal::new("p50 with logs, metrics and traces sent", one.what, Bound::AtMost(1.02));
        found.push(goal.ratio(&one.report["ratios"][0]["p50"]));
    }
    found.extend(neighbor_goals(&findings.neighbors));
    goal::table(page, &found)
}

fn overload(page: &mut String, found: &[Overload]) -> std::fmt::Result {
    writeln!(
        page,
        "\n## Overload\n\nRequests (43 tokens) come at random moments (Poisson), whatever becomes of them. Saturation is what eight \
         connections get answered that ask as fast as they can. Requests beyond what can be answered in time are refused at once \
         (503 with `retry-after`); latencies are those of good answers. The median of three turns, 10 s each; the last row shows \
         that nothing is left of the overload."
    )?;
    head(
        page,
        &["computing", "load", "requests/s", "good/s", "refused", "failed otherwise", "p50", "p99"],
    )?;
    for one in found {
        for (load, rounds) in &one.loads {
            let sum = |count: &dyn Fn(&Value) -> u64| rounds.iter().map(count).sum::<u64>();
            let refused = sum(&|round| round["errors"]["statuses"]["503"].as_u64().unwrap_or(0));
            let bad = sum(&|round| errors(&round["errors"]));
            let middle = |key: &str| {
                let mut times: Vec<f64> = rounds.iter().map(|round| number(&round[key])).collect();
                times.sort_by(f64::total_cmp);
                times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
            };
            let cells = [
                one.name.to_owned(),
                format!("{load:.1}×"),
                format!("{:.1}", one.saturation * load),
                format!("{:.1}", Overload::goodput(rounds)),
                refused.to_string(),
                (bad - refused).to_string(),
                ms(middle("p50_ms")),
                ms(middle("p99_ms")),
            ];
            row(page, &cells)?;
        }
    }
    Ok(())
}

fn faults(page: &mut String, faults: &Faults) -> std::fmt::Result {
    writeln!(
        page,
        "\n## Faults\n\nOne caller has a function fail again and again, twenty times a second where it fails at once; the function may \
         take one second and 64 MiB. Meanwhile others ask the same function, for an answer that a fresh instance alone gives, and \
         the model. None of theirs may be lost, or answered otherwise than without faults. A caller that is answered half sees that: \
         the answer does not end as HTTP says."
    )?;
    head(
        page,
        &[
            "the function",
            "faults",
            "answered as due",
            "others of it",
            "lost",
            "p50",
            "p99",
            "of the model",
            "lost",
            "p50",
            "p99",
        ],
    )?;
    let cells = |others: &Others| {
        let at = |share: f64| {
            let last = others.latencies.len().saturating_sub(1);
            let index = (last as f64 * share).round() as usize;
            others.latencies.get(index).copied().map_or_else(String::new, ms)
        };
        [others.latencies.len().to_string(), others.lost.len().to_string(), at(0.5), at(0.99)]
    };
    let [same, model] = &faults.quiet;
    let quiet = ["is well".to_owned(), String::new(), String::new()];
    row(page, &[&quiet[..], &cells(same), &cells(model)].concat())?;
    for one in &faults.found {
        let own = [one.name.to_owned(), one.faults.to_string(), one.told.to_string()];
        row(page, &[&own[..], &cells(&one.same), &cells(&one.model)].concat())?;
    }
    let lost = |one: &super::faults::Fault| [&one.same.lost[..], &one.model.lost].concat();
    for reason in faults.found.iter().flat_map(lost).take(10) {
        writeln!(page, "\n- lost: `{reason}`")?;
    }
    Ok(())
}

fn stopping(page: &mut String, found: &[Stopping]) -> std::fmt::Result {
    writeln!(
        page,
        "\n## A guest that spins\n\nFrom the limit to the last byte of the answer that tells of it, seen by the caller: making the \
         instance and the connection are in it."
    )?;
    head(page, &["limit", "meanwhile", "requests", "p50 after it", "p99", "latest"])?;
    for one in found {
        let at = |share: f64| {
            let last = one.late.len().saturating_sub(1);
            one.late
                .get((last as f64 * share).round() as usize)
                .copied()
                .map_or_else(String::new, ms)
        };
        let own = [one.limit.to_owned(), one.load.to_owned(), one.late.len().to_string()];
        row(page, &[&own[..], &[at(0.5), at(0.99), at(1.0)]].concat())?;
    }
    Ok(())
}

fn watching(page: &mut String, found: &[Watching]) -> std::fmt::Result {
    writeln!(
        page,
        "\n## Being watched\n\nMetrics are always counted. *Watched* also writes its log as JSON and sends traces (of a tenth of the \
         requests), metrics and the log to a collector (OTLP); turns alternate."
    )?;
    head(page, &["requests", "", "p50", "p99", "requests/s", "p50 beside plain"])?;
    for one in found {
        for target in one.report["targets"].as_array().into_iter().flatten() {
            let summary = &target["summary"];
            let of = |key: &str| ms(number(&summary[key]));
            let ratio = &one.report["ratios"][0]["p50"];
            let is_watched = target["name"] == "watched";
            let ratio = is_watched.then(|| {
                let of = |key: &str| number(&ratio[key]);
                format!("{:.3}× ({:.3}–{:.3})", of("ratio"), of("low"), of("high"))
            });
            let cells = [
                one.what.to_owned(),
                target["name"].as_str().unwrap_or_default().to_owned(),
                of("p50_ms"),
                of("p99_ms"),
                format!("{:.1}", number(&summary["requests_per_second"])),
                ratio.unwrap_or_default(),
            ];
            row(page, &cells)?;
        }
    }
    for one in found {
        writeln!(page, "\n![{}](performance/{}.svg)", one.what, one.plot)?;
        writeln!(page, "\n```sh\n{}\n```", one.command)?;
    }
    Ok(())
}

/// Beside busy neighbors no quantile is worse than `wasmtime serve`'s; on a quiet machine the tail of
/// a cold answer is clearly better.
fn neighbor_goals(found: &[Neighbors]) -> Vec<Goal> {
    let mut goals = Vec::new();
    for one in found {
        let ratios = &one.run.report["ratios"][0];
        let goal = |quantile: &str, most: f64| {
            let what = format!("{quantile}, {}", one.requests);
            let beside = format!("`wasmtime serve`, {}", one.machine);
            Goal::new(what, beside, Bound::AtMost(most)).ratio(&ratios[quantile])
        };
        if one.busy {
            goals.extend(["p50", "p90", "p99", "p99.9"].map(|quantile| goal(quantile, 1.0)));
        } else if one.requests.starts_with("GET") {
            goals.push(goal("p99", 0.7));
        }
    }
    goals
}

fn neighbors(page: &mut String, found: &[Neighbors]) -> std::fmt::Result {
    writeln!(
        page,
        "\n## Busy neighbors\n\nOne connection, one request after the other, a fresh instance for each, in alternating rounds: \
         Pilotlight and `wasmtime serve` on a quiet machine, and with one CPU-bound program (nice 0) per core beside them. \
         Ratios are Pilotlight's time divided by Wasmtime's, with 95 % intervals."
    )?;
    head(page, &["requests", "machine", "server", "p50", "p90", "p99", "p99.9", "requests/s"])?;
    for one in found {
        let ratios = &one.run.report["ratios"][0];
        for target in one.run.report["targets"].as_array().into_iter().flatten() {
            let summary = &target["summary"];
            let time = |key: &str| ms(number(&summary[key]));
            let cells = [
                one.requests.to_owned(),
                one.machine.to_owned(),
                word(&target["name"]).to_owned(),
                time("p50_ms"),
                time("p90_ms"),
                time("p99_ms"),
                time("p99_9_ms"),
                format!("{:.1}", number(&summary["requests_per_second"])),
            ];
            row(page, &cells)?;
        }
        let ratio = |key: &str| {
            let of = |part: &str| number(&ratios[key][part]);
            format!("{:.2}× ({:.2}–{:.2})", of("ratio"), of("low"), of("high"))
        };
        let quantiles = ["p50", "p90", "p99", "p99.9", "requests_per_second"].map(ratio);
        let own = [one.requests.to_owned(), one.machine.to_owned(), "ratio".to_owned()];
        row(page, &[&own[..], &quantiles].concat())?;
    }
    for one in found {
        let name = format!("{}; {}", one.requests, one.machine);
        writeln!(page, "\n![{name}](performance/{}.svg)", one.plot)?;
        writeln!(page, "\n```sh\n{}\n```", one.run.command)?;
    }
    Ok(())
}
