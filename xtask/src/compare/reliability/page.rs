use std::fmt::Write as _;

use serde_json::Value;

use super::Findings;
use super::faults::{Faults, Others};
use super::overload::Overload;
use super::stopping::Stopping;
use super::watching::Watching;
use crate::compare::goal::{self, Bound, Goal};
use crate::compare::lab::Lab;
use crate::compare::words::{errors, head, machine, ms, number, quick_note, row};

pub(super) fn write(findings: &Findings, lab: &Lab) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = text(&mut page, findings, lab);
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
