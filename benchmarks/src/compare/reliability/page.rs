//! `docs/reliability.md`.

use std::fmt::{Result, Write as _};

use serde_json::Value;

use super::faults::{Fault, Faults, Unaffected};
use super::interruption::Interruption;
use super::neighbors::Neighbors;
use super::overload::Overload;
use super::telemetry::{EXPORTING, Telemetry};
use super::{Results, quantile};
use crate::compare::goals::{self, Bound, Goal};
use crate::compare::markdown::{ms, page, plot, quick_note, table_head, table_row};
use crate::compare::report::{errors, machine, number, targets, text};
use crate::compare::runner::Runner;

/// The number of reasons that are listed for lost requests.
const LISTED_REASONS: usize = 10;

pub(super) fn write(results: &Results, runner: &Runner) -> String {
    page(|page| page_text(page, results, runner))
}

/// The section about busy neighbors as a page.
pub(super) fn write_neighbors(results: &[Neighbors], runner: &Runner) -> String {
    page(|page| {
        writeln!(page, "# Busy neighbors")?;
        quick_note(page, runner.is_quick())?;
        writeln!(page)?;
        goals::table(page, &neighbor_goals(results))?;
        neighbors(page, results)
    })
}

fn page_text(page: &mut String, results: &Results, runner: &Runner) -> Result {
    let machine = results.telemetry.first().map(|one| machine(&one.report)).unwrap_or_default();
    writeln!(
        page,
        "# Reliability

`cargo xtask compare reliability` measures the effect of overload, busy neighbors, faults and telemetry on requests, over loopback, with
server and load generator on one machine, and writes this page. The machine: {machine}.
[reliability-soak.md](reliability-soak.md) shows the effect of everything at the same time,
[performance-swaps.md](performance-swaps.md) that of version changes."
    )?;
    quick_note(page, runner.is_quick())?;
    writeln!(page)?;
    goals::table(page, &goals(results))?;
    overload(page, &results.overload)?;
    neighbors(page, &results.neighbors)?;
    faults(page, &results.faults)?;
    interruption(page, &results.interruption)?;
    telemetry(page, &results.telemetry)
}

fn goals(results: &Results) -> Vec<Goal> {
    let mut goals: Vec<Goal> = Vec::new();
    for one in &results.overload {
        let metric = "successful requests/s at 3 times saturation";
        goals.push(Goal::new(metric, one.name, Bound::AtLeast(0.9)).measured(one.retained()));
    }
    let lost: usize = results.faults.kinds.iter().map(|kind| lost(kind).count()).sum();
    let metric = "requests lost because of another request's fault";
    goals.push(Goal::new(metric, "–", Bound::AtMost(0.0)).unit("").measured(lost as f64));
    let latest = results.interruption.iter().filter_map(|one| one.late.last()).copied();
    let metric = "endless loop stopped after its limit, max";
    let goal = Goal::new(metric, "–", Bound::AtMost(20.0)).unit(" ms");
    goals.push(goal.measured(latest.fold(f64::NAN, f64::max)));
    for one in &results.telemetry {
        let metric = format!("p50 with telemetry, {}", one.requests);
        let goal = Goal::new(metric, "without telemetry", Bound::AtMost(1.02));
        goals.push(goal.ratio(&one.report["ratios"][0]["p50"]));
    }
    goals.extend(neighbor_goals(&results.neighbors));
    goals
}

/// With busy neighbors, no quantile may be worse than that of `wasmtime serve`. On a quiet machine,
/// the tail of a cold request has to be clearly better without inference, and no worse with it.
fn neighbor_goals(results: &[Neighbors]) -> Vec<Goal> {
    let mut goals = Vec::new();
    for one in results {
        let ratios = &one.run.report["ratios"][0];
        let goal = |quantile: &str, most: f64| {
            let metric = format!("{quantile}, {}", one.requests);
            let baseline = format!("`wasmtime serve`, {}", one.machine);
            Goal::new(metric, baseline, Bound::AtMost(most)).ratio(&ratios[quantile])
        };
        if one.busy {
            goals.extend(["p50", "p90", "p99", "p99.9"].map(|quantile| goal(quantile, 1.0)));
        } else {
            let most = if one.requests.starts_with("GET") { 0.7 } else { 1.0 };
            goals.push(goal("p99", most));
        }
    }
    goals
}

fn overload(page: &mut String, results: &[Overload]) -> Result {
    writeln!(
        page,
        "\n## Overload\n\nRequests (43 tokens) arrive at random intervals (Poisson), independent of the responses. The load is relative to \
         the throughput of eight connections that send the next request when they have a response (saturation). Requests that cannot be \
         processed in time are rejected at once (503 with `retry-after`). Latencies are those of successful requests. Figures are medians \
         of three rounds of 10 s; the last row shows that the overload has no lasting effect."
    )?;
    let columns = ["inference", "load", "requests/s", "successful/s", "rejected", "other failures"];
    table_head(page, &[&columns[..], &["p50", "p99"]].concat())?;
    for one in results {
        for (load, rounds) in &one.loads {
            let sum = |count: &dyn Fn(&Value) -> u64| rounds.iter().map(count).sum::<u64>();
            let rejected = sum(&|round| round["errors"]["statuses"]["503"].as_u64().unwrap_or(0));
            let failed = sum(&|round| errors(&round["errors"]));
            let median = |key: &str| {
                let mut times: Vec<f64> = rounds.iter().map(|round| number(&round[key])).collect();
                times.sort_by(f64::total_cmp);
                quantile(&times, 0.5).map_or_else(String::new, ms)
            };
            let cells = [
                one.name.to_owned(),
                format!("{load:.1}×"),
                format!("{:.1}", one.saturation * load),
                format!("{:.1}", Overload::goodput(rounds)),
                rejected.to_string(),
                (failed - rejected).to_string(),
                median("p50_ms"),
                median("p99_ms"),
            ];
            table_row(page, &cells)?;
        }
    }
    Ok(())
}

fn neighbors(page: &mut String, results: &[Neighbors]) -> Result {
    writeln!(
        page,
        "\n## Busy neighbors\n\nPilotlight and `wasmtime serve`, both with a fresh instance for each request, on a quiet machine and with one \
         CPU-bound program (nice 0) per core. One connection sends one request after the other, in alternating rounds. Ratios are the \
         latencies of Pilotlight relative to those of `wasmtime serve`, with 95 % intervals."
    )?;
    let columns = ["requests", "machine", "server", "p50", "p90", "p99", "p99.9", "requests/s"];
    table_head(page, &columns)?;
    for one in results {
        for target in targets(&one.run.report) {
            let summary = &target["summary"];
            let mut cells =
                [one.requests, one.machine, text(&target["name"])].map(str::to_owned).to_vec();
            let quantiles = ["p50_ms", "p90_ms", "p99_ms", "p99_9_ms"];
            cells.extend(quantiles.map(|key| ms(number(&summary[key]))));
            cells.push(format!("{:.1}", number(&summary["requests_per_second"])));
            table_row(page, &cells)?;
        }
        let ratios = &one.run.report["ratios"][0];
        let mut cells = [one.requests, one.machine, "ratio"].map(str::to_owned).to_vec();
        let quantities = ["p50", "p90", "p99", "p99.9", "requests_per_second"];
        cells.extend(quantities.map(|key| ratio(&ratios[key], 2)));
        table_row(page, &cells)?;
    }
    for one in results {
        let title = format!("{}; {}", one.requests, one.machine);
        plot(page, &title, one.plot, &one.run.command)?;
    }
    Ok(())
}

/// A ratio with its interval.
fn ratio(ratio: &Value, decimals: usize) -> String {
    let of = |part: &str| format!("{:.decimals$}", number(&ratio[part]));
    format!("{}× ({}–{})", of("ratio"), of("low"), of("high"))
}

fn faults(page: &mut String, faults: &Faults) -> Result {
    writeln!(
        page,
        "\n## Faults\n\nOne client makes a function fail repeatedly, at most twenty times per second. The function is limited to one second and \
         64 MiB. At the same time, other clients send requests to the same function, with a response that only a fresh instance gives, and \
         to the model. None of these requests may be lost or get another response than without faults. A response that the fault \
         interrupts ends as HTTP requires for an incomplete message."
    )?;
    let columns = ["fault", "requests", "expected response"];
    let unaffected =
        |name: &str| [name.to_owned(), "lost".to_owned(), "p50".to_owned(), "p99".to_owned()];
    let columns = [
        &columns.map(str::to_owned)[..],
        &unaffected("others, same function"),
        &unaffected("others, model"),
    ];
    table_head(page, &columns.concat().iter().map(String::as_str).collect::<Vec<_>>())?;
    let cells = |others: &Unaffected| {
        let at = |share| quantile(&others.latencies, share).map_or_else(String::new, ms);
        [others.latencies.len().to_string(), others.lost.len().to_string(), at(0.5), at(0.99)]
    };
    let [same_function, model] = &faults.without;
    let none = ["none".to_owned(), String::new(), String::new()];
    table_row(page, &[&none[..], &cells(same_function), &cells(model)].concat())?;
    for kind in &faults.kinds {
        let own = [kind.name.to_owned(), kind.requests.to_string(), kind.expected.to_string()];
        table_row(page, &[&own[..], &cells(&kind.same_function), &cells(&kind.model)].concat())?;
    }
    for reason in faults.kinds.iter().flat_map(lost).take(LISTED_REASONS) {
        writeln!(page, "\n- lost: `{reason}`")?;
    }
    Ok(())
}

/// Why requests of others were lost.
fn lost(kind: &Fault) -> impl Iterator<Item = &String> {
    kind.same_function.lost.iter().chain(&kind.model.lost)
}

fn interruption(page: &mut String, results: &[Interruption]) -> Result {
    writeln!(
        page,
        "\n## Endless loops\n\nThe time from the limit of a guest with an endless loop to the last byte of the error response, measured by the \
         client; it includes creating the connection and the instance."
    )?;
    table_head(page, &["limit", "other load", "requests", "p50", "p99", "max"])?;
    for one in results {
        let at = |share| quantile(&one.late, share).map_or_else(String::new, ms);
        let own = [one.limit.to_owned(), one.load.to_owned(), one.late.len().to_string()];
        table_row(page, &[&own[..], &[at(0.5), at(0.99), at(1.0)]].concat())?;
    }
    Ok(())
}

fn telemetry(page: &mut String, results: &[Telemetry]) -> Result {
    writeln!(
        page,
        "\n## Telemetry\n\nMetrics are always counted. *With telemetry*, Pilotlight also writes its log as JSON and exports the log, metrics, and \
         the traces of a tenth of the requests to a collector (OTLP). Rounds alternate; the ratio has a 95 % interval."
    )?;
    table_head(page, &["requests", "", "p50", "p99", "requests/s", "p50 ratio"])?;
    for one in results {
        for target in targets(&one.report) {
            let summary = &target["summary"];
            let is_exporting = target["name"] == EXPORTING;
            let ratio = is_exporting.then(|| ratio(&one.report["ratios"][0]["p50"], 3));
            let cells = [
                one.requests.to_owned(),
                text(&target["name"]).to_owned(),
                ms(number(&summary["p50_ms"])),
                ms(number(&summary["p99_ms"])),
                format!("{:.1}", number(&summary["requests_per_second"])),
                ratio.unwrap_or_default(),
            ];
            table_row(page, &cells)?;
        }
    }
    for one in results {
        plot(page, one.requests, one.plot, &one.command)?;
    }
    Ok(())
}
