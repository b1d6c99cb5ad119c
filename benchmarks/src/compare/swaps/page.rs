use std::fmt::Write as _;

use serde_json::Value;

use super::{BETWEEN, CHANGES, CONNECTIONS, First, LOAD, Outcome, ROUNDS, Round, UnderLoad};
use crate::compare::lab::Lab;
use crate::compare::words::{errors, head, ms, number, quick_note, row};

pub(super) fn write(first: &First, outcomes: &[Outcome], lab: &Lab) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = text(&mut page, first, outcomes, lab);
    page
}

fn text(page: &mut String, first: &First, outcomes: &[Outcome], lab: &Lab) -> std::fmt::Result {
    writeln!(
        page,
        "# Changing versions under load\n\nWritten by `cargo xtask compare swaps`. The default model computes in the sandbox; \
         its two versions differ in their name, and cost the same. Requests (43 tokens) saturate the server, from {CONNECTIONS} \
         connections that ask again as soon as they are answered, or come at random moments (Poisson) at {:.0} % of what those got \
         answered. Latency counts from the intended moment.",
        LOAD * 100.0
    )?;
    quick_note(page, lab.is_quick())?;
    writeln!(
        page,
        "\n## {} swaps, each rolled back and forth\n\nBoth versions have been compiled before. Every {} ms a swap maps the code, \
         fills the pool, has the sample answered, and switches; then a rollback, and a rollback of that. Calm times and times of \
         change take turns, {ROUNDS} of each, {} s long; the last column has the median of their ratios, the least and the greatest.",
        CHANGES * ROUNDS as u32,
        BETWEEN.as_millis(),
        (BETWEEN * CHANGES).as_secs(),
    )?;
    head(page, &["HTTP", "load", "phase", "answered", "failed", "p50", "p99", "p99 beside calm"])?;
    for (protocol, load) in loads(outcomes) {
        let of = |phase: fn(&Round) -> &Value| load.rounds.iter().map(phase).collect::<Vec<_>>();
        let calm = of(|round| &round.calm);
        for (name, phases) in [("calm", calm), ("versions change", of(|round| &round.changing))] {
            let mut cells = vec![protocol.to_owned(), load.words.clone(), name.to_owned()];
            cells.extend(together(&phases));
            cells.push(if name == "calm" { String::new() } else { ratios(&load.rounds) });
            row(page, &cells)?;
        }
    }
    head(page, &["HTTP", "load", "swaps", "a swap, p50", "longest", "a rollback, p50", "longest"])?;
    for (protocol, load) in loads(outcomes) {
        let swaps = load.swaps.len().to_string();
        let mut cells = vec![protocol.to_owned(), load.words.clone(), swaps];
        for times in [&load.swaps, &load.rollbacks] {
            let time = |index: usize| times.get(index).copied().map_or_else(String::new, ms);
            cells.extend([time(times.len() / 2), time(times.len().saturating_sub(1))]);
        }
        row(page, &cells)?;
    }
    head(page, &["HTTP", "PSS at rest before all of it", "after"])?;
    for Outcome { protocol, memory, .. } in outcomes {
        let [before, after] = memory.each_ref().map(|usage| format!("{:.1} MiB", usage.pss));
        row(page, &[(*protocol).to_owned(), before, after])?;
    }
    writeln!(
        page,
        "\n## A version that has never been compiled\n\nIt is compiled in the background, on threads of the lowest priority, \
         while 20 requests a second are answered. It took over after {:.1} s.",
        first.seconds
    )?;
    head(page, &["phase", "answered", "failed", "p50", "p99", "p99 beside before"])?;
    for (name, phase) in ["before", "while it is compiled, and after"].iter().zip(&first.phases) {
        let mut cells = vec![(*name).to_owned()];
        cells.extend(figures(phase, &first.phases[0]));
        row(page, &cells)?;
    }
    Ok(())
}

fn loads(outcomes: &[Outcome]) -> impl Iterator<Item = (&'static str, &UnderLoad)> {
    outcomes.iter().flat_map(|outcome| outcome.loads.iter().map(|load| (outcome.protocol, load)))
}

/// Sums of several runs, and the medians of their percentiles.
fn together(phases: &[&Value]) -> Vec<String> {
    let sum = |count: &dyn Fn(&Value) -> u64| phases.iter().map(|phase| count(phase)).sum::<u64>();
    let median = |key: &str| middle(phases.iter().map(|phase| number(&phase[key])).collect())[1];
    vec![
        sum(&|phase| phase["requests"].as_u64().unwrap_or(0)).to_string(),
        sum(&|phase| errors(&phase["errors"])).to_string(),
        ms(median("p50_ms")),
        ms(median("p99_ms")),
    ]
}

fn ratios(rounds: &[Round]) -> String {
    let p99 = |phase: &Value| number(&phase["p99_ms"]);
    let [least, median, greatest] =
        middle(rounds.iter().map(|round| p99(&round.changing) / p99(&round.calm)).collect());
    format!("{median:.2}× ({least:.2}–{greatest:.2})")
}

/// The least, the median and the greatest.
fn middle(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    [at(0), at(values.len() / 2), at(values.len().saturating_sub(1))]
}

fn figures(phase: &Value, before: &Value) -> Vec<String> {
    let p99 = |phase: &Value| number(&phase["p99_ms"]);
    vec![
        phase["requests"].to_string(),
        errors(&phase["errors"]).to_string(),
        ms(number(&phase["p50_ms"])),
        ms(p99(phase)),
        format!("{:.2}×", p99(phase) / p99(before)),
    ]
}
