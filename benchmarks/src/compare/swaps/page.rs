//! `docs/performance-swaps.md`.

use std::fmt::{Result, Write as _};

use serde_json::Value;

use super::unseen::Unseen;
use super::{CHANGES, CONNECTIONS, INTERVAL, LOAD, Outcome, ROUNDS, Results, Round, UnderLoad};
use crate::compare::goals::{self, Bound, Goal};
use crate::compare::markdown::{ms, page, quick_note, table_head, table_row};
use crate::compare::report::{errors, number};
use crate::compare::runner::Runner;

pub(super) fn write(results: &Results, runner: &Runner) -> String {
    page(|page| page_text(page, results, runner))
}

fn page_text(page: &mut String, results: &Results, runner: &Runner) -> Result {
    writeln!(
        page,
        "# Version changes under load

`cargo xtask compare swaps` measures the effect of version changes on requests, and writes this page. The default model computes in the
sandbox; its two versions differ only in their name. Each request contains a text of 43 tokens. Requests come from {CONNECTIONS} connections that
send the next request when they have a response, which saturates the server, or at random intervals (Poisson) at {:.0} % of that rate.
Latency counts from the intended time of a request.",
        LOAD * 100.0
    )?;
    quick_note(page, runner.is_quick())?;
    writeln!(page)?;
    goals::table(page, &goals(results))?;
    swaps(page, &results.outcomes)?;
    uncached(page, results)?;
    unseen(page, &results.unseen)
}

/// No request may be lost, and the tail may hardly grow.
fn goals(results: &Results) -> Vec<Goal> {
    let failed = |phase: &Value| errors(&phase["errors"]);
    let mut lost = failed(&results.uncached.phases[1]);
    let mut goals = Vec::new();
    for (protocol, load) in loads(&results.outcomes) {
        lost += load.rounds.iter().map(|round| failed(&round.changing)).sum::<u64>();
        let metric = format!("p99 during swaps, HTTP {protocol}, {}", load.label);
        let goal = Goal::new(metric, "without swaps", Bound::AtMost(1.2));
        goals.push(goal.repeated(&p99_ratios(&load.rounds)));
    }
    let [before, during] = &results.uncached.phases;
    let goal = Goal::new("p99 while a version is compiled", "before", Bound::AtMost(1.2));
    goals.push(goal.measured(p99(during) / p99(before)));
    let Unseen { first, .. } = &results.unseen;
    lost += first.rounds.iter().map(|round| failed(&round.changing)).sum::<u64>();
    let metric = "p99 during the swap to an unseen bundle, computed on the host";
    goals.push(
        Goal::new(metric, "before", Bound::AtMost(1.05)).repeated(&p99_ratios(&first.rounds)),
    );
    let goal = Goal::new("swap to an unseen bundle under load, max", "–", Bound::AtMost(300.0));
    goals.push(goal.unit(" ms").measured(first.times.last().copied().unwrap_or(f64::NAN)));
    let goal = Goal::new("requests lost during swaps", "–", Bound::AtMost(0.0));
    goals.push(goal.unit("").measured(lost as f64));
    goals
}

fn swaps(page: &mut String, outcomes: &[Outcome]) -> Result {
    writeln!(
        page,
        "\n## {} swaps, each rolled back and restored\n\nBoth versions are in the cache. Every {} ms, a swap maps the code, fills the pool, runs \
         the smoke test, and switches; a rollback and a rollback of the rollback follow. Phases without and with changes alternate, \
         {ROUNDS} of each, {} s long. The last column is the ratio of the p99 of both phases: median, minimum and maximum of the rounds.",
        CHANGES * ROUNDS as u32,
        INTERVAL.as_millis(),
        (INTERVAL * CHANGES).as_secs(),
    )?;
    phases(page, outcomes)?;
    durations(page, outcomes)?;
    table_head(page, &["HTTP", "PSS of the idle server, before", "after"])?;
    for Outcome { protocol, memory, .. } in outcomes {
        let [before, after] = memory.each_ref().map(|usage| format!("{:.1} MiB", usage.pss));
        table_row(page, &[(*protocol).to_owned(), before, after])?;
    }
    Ok(())
}

fn phases(page: &mut String, outcomes: &[Outcome]) -> Result {
    let columns = ["HTTP", "load", "phase", "responses", "failed", "p50", "p99", "p99 ratio"];
    table_head(page, &columns)?;
    for (protocol, load) in loads(outcomes) {
        let of = |phase: fn(&Round) -> &Value| load.rounds.iter().map(phase).collect::<Vec<_>>();
        let (unchanged, changing) = (of(|round| &round.unchanged), of(|round| &round.changing));
        let ratio = p99_ratio(&load.rounds);
        for (name, phases, ratio) in
            [("no changes", unchanged, String::new()), ("version changes", changing, ratio)]
        {
            let mut cells = vec![protocol.to_owned(), load.label.clone(), name.to_owned()];
            cells.extend(combined(&phases));
            cells.push(ratio);
            table_row(page, &cells)?;
        }
    }
    Ok(())
}

fn durations(page: &mut String, outcomes: &[Outcome]) -> Result {
    let columns = ["HTTP", "load", "swaps", "swap, p50", "swap, max"];
    table_head(page, &[&columns[..], &["rollback, p50", "rollback, max"]].concat())?;
    for (protocol, load) in loads(outcomes) {
        let swaps = load.swaps.len().to_string();
        let mut cells = vec![protocol.to_owned(), load.label.clone(), swaps];
        for times in [&load.swaps, &load.rollbacks] {
            let time = |index: usize| times.get(index).copied().map_or_else(String::new, ms);
            cells.extend([time(times.len() / 2), time(times.len().saturating_sub(1))]);
        }
        table_row(page, &cells)?;
    }
    Ok(())
}

fn uncached(page: &mut String, results: &Results) -> Result {
    writeln!(
        page,
        "\n## A version that is not in the cache\n\nThe version is compiled in the background, on threads of the lowest priority, while the \
         server gets 20 requests/s. It took over after {:.1} s.",
        results.uncached.seconds
    )?;
    table_head(page, &["phase", "responses", "failed", "p50", "p99", "p99 ratio"])?;
    let [before, _] = &results.uncached.phases;
    let names = ["before", "during and after compilation"];
    for (name, phase) in names.iter().zip(&results.uncached.phases) {
        let mut cells = vec![(*name).to_owned()];
        cells.extend(combined(&[phase]));
        cells.push(format!("{:.2}×", p99(phase) / p99(before)));
        table_row(page, &cells)?;
    }
    Ok(())
}

fn unseen(page: &mut String, Unseen { rate, first, again }: &Unseen) -> Result {
    writeln!(
        page,
        "\n## Bundles that compute on the host\n\nThe server gets {rate} requests/s (Poisson) and swaps to one bundle after the other. \
         Their graphs (int4) differ in a comment, so that nothing of one can be used for another. It has seen none of the bundles before: it \
         packs their weights into the cache. After a restart of the server, the same bundles are in the cache, and it maps their weights.",
    )?;
    table_head(page, &["bundles", "phase", "responses", "failed", "p50", "p99", "p99 ratio"])?;
    let kinds = [("never seen", first), ("in the cache", again)];
    for (name, swaps) in kinds {
        let of = |phase: fn(&Round) -> &Value| swaps.rounds.iter().map(phase).collect::<Vec<_>>();
        let (unchanged, changing) = (of(|round| &round.unchanged), of(|round| &round.changing));
        let ratio = p99_ratio(&swaps.rounds);
        for (phase, results, ratio) in
            [("before", unchanged, String::new()), ("with a swap", changing, ratio)]
        {
            let mut cells = vec![name.to_owned(), phase.to_owned()];
            cells.extend(combined(&results));
            cells.push(ratio);
            table_row(page, &cells)?;
        }
    }
    table_head(page, &["bundles", "swaps", "swap, p50", "swap, max"])?;
    for (name, swaps) in kinds {
        let [_, median, max] = spread(swaps.times.clone());
        table_row(page, &[name.to_owned(), swaps.times.len().to_string(), ms(median), ms(max)])?;
    }
    Ok(())
}

fn loads(outcomes: &[Outcome]) -> impl Iterator<Item = (&'static str, &UnderLoad)> {
    outcomes.iter().flat_map(|outcome| outcome.loads.iter().map(|load| (outcome.protocol, load)))
}

/// Totals of several phases, and the medians of their percentiles.
fn combined(phases: &[&Value]) -> Vec<String> {
    let sum = |count: &dyn Fn(&Value) -> u64| phases.iter().map(|phase| count(phase)).sum::<u64>();
    let median = |key: &str| spread(phases.iter().map(|phase| number(&phase[key])).collect())[1];
    vec![
        sum(&|phase| phase["requests"].as_u64().unwrap_or(0)).to_string(),
        sum(&|phase| errors(&phase["errors"])).to_string(),
        ms(median("p50_ms")),
        ms(median("p99_ms")),
    ]
}

fn p99(phase: &Value) -> f64 {
    number(&phase["p99_ms"])
}

/// The p99 of the phase with changes, relative to the phase without, in each round.
fn p99_ratios(rounds: &[Round]) -> Vec<f64> {
    rounds.iter().map(|round| p99(&round.changing) / p99(&round.unchanged)).collect()
}

fn p99_ratio(rounds: &[Round]) -> String {
    let [min, median, max] = spread(p99_ratios(rounds));
    format!("{median:.2}× ({min:.2}–{max:.2})")
}

/// Minimum, median and maximum.
fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    [at(0), at(values.len() / 2), at(values.len().saturating_sub(1))]
}
