//! The goals, and the rounds that they are calculated from.

use std::fmt::{Result, Write as _};

use serde_json::Value;

use crate::compare::goals::{self, Bound, Goal};
use crate::compare::host::Results;
use crate::compare::host::beside_direct::{Latency, Saturation};
use crate::compare::host::embeddings::{EMBEDDINGS, Embeddings};
use crate::compare::host::fairness::{Compared, Fairness};
use crate::compare::host::rounds::Series;
use crate::compare::host::scenarios::{AGREEMENT, COMPARED, CONNECTIONS};
use crate::compare::markdown::{ms, table_head, table_row};
use crate::compare::report::{number, throughput};
use crate::compare::runner::Run;

pub(super) fn write(page: &mut String, results: &Results) -> Result {
    let goals = [
        saturation(&results.saturation),
        latency(&results.latency),
        connections(&results.compared),
        embeddings(&results.embeddings),
        bert_base(&results.bert_base),
        fairness(&results.fairness),
        agreement(&results.agreement),
        vec![
            Goal::new("p99 of `/health`, 64 connections", "–", Bound::AtMost(5.0))
                .unit(" ms")
                .measured(number(&results.health[1]["summary"]["p99_ms"])),
        ],
    ];
    goals::table(page, &goals.into_iter().flatten().collect::<Vec<_>>())?;
    rounds(page, results)
}

fn saturation(saturation: &Saturation) -> Vec<Goal> {
    let Saturation { direct_f32, direct_int8, default, f32, avx2, .. } = saturation;
    let goal = |metric, ours: &Series, direct: &Series, least| {
        Goal::new(metric, direct.name, Bound::AtLeast(least)).repeated(&ours.over(direct))
    };
    vec![
        goal("texts/s at saturation", default, direct_f32, 2.5),
        goal("texts/s at saturation", default, direct_int8, 1.4),
        goal("texts/s at saturation, f32", f32, direct_f32, 1.0),
        goal("texts/s at saturation, AVX2 only", avx2, direct_f32, 1.2),
    ]
}

fn latency(latency: &Latency) -> Vec<Goal> {
    let goal = |metric, ours: &Series, direct: &Series, bound| {
        Goal::new(metric, direct.name, bound).repeated(&ours.over(direct))
    };
    let Latency { one_thread, all_cores, default, f32 } = latency;
    vec![
        goal("p50 of one text of 43 tokens", default, one_thread, Bound::AtMost(0.45)),
        goal("p50 of one text of 43 tokens", default, all_cores, Bound::AtMost(0.7)),
        goal("p50 of one text of 43 tokens, f32", f32, all_cores, Bound::None),
    ]
}

/// The server of [`COMPARED`] with this index.
fn rates(run: &Run, index: usize) -> Series {
    let rate = |round: &Value| throughput(round, CONNECTIONS);
    Series::of_rounds(COMPARED[index], &run.report["targets"][index], rate)
}

fn connections(run: &Run) -> Vec<Goal> {
    let rate = |index, base, bound| {
        let metric = format!("requests/s, {CONNECTIONS} connections{}", variant(index));
        Goal::new(metric, COMPARED[base], bound)
            .repeated(&rates(run, index).over(&rates(run, base)))
    };
    let p99 = |index: usize, bound| {
        let metric = format!("p99, {CONNECTIONS} connections{}", variant(index));
        // Ratios are those of the second target, the third one and so on.
        Goal::new(metric, COMPARED[0], bound).ratio(&run.report["ratios"][index - 1]["p99"])
    };
    let rss = |index: usize| run.usage.get(index).map_or(f64::NAN, |(_, usage)| usage.rss);
    let memory = format!("resident memory, {CONNECTIONS} connections");
    vec![
        rate(1, 0, Bound::AtLeast(2.5)),
        p99(1, Bound::AtMost(0.35)),
        Goal::new(memory, COMPARED[0], Bound::AtMost(0.3)).measured(rss(1) / rss(0)),
        rate(2, 0, Bound::None),
        p99(2, Bound::None),
        rate(3, 0, Bound::None),
        p99(3, Bound::None),
        rate(1, 4, Bound::None),
        rate(5, 4, Bound::None),
    ]
}

/// What distinguishes a server of [`COMPARED`] from the default.
fn variant(index: usize) -> &'static str {
    COMPARED[index].strip_prefix(COMPARED[1]).unwrap_or_default()
}

fn embeddings(embeddings: &Embeddings) -> Vec<Goal> {
    let Embeddings { run, cosine } = embeddings;
    let base = EMBEDDINGS[0];
    let [fastapi, pilotlight] = embedding_rates(run);
    vec![
        Goal::new("MiniLM, embeddings/s, 64 connections", base, Bound::AtLeast(2.0))
            .repeated(&pilotlight.over(&fastapi)),
        Goal::new("MiniLM, p99, 64 connections", base, Bound::AtMost(0.5))
            .ratio(&run.report["ratios"][0]["p99"]),
        Goal::new("MiniLM, smallest cosine", base, Bound::AtLeast(0.999))
            .unit("")
            .measured(*cosine),
    ]
}

fn embedding_rates(run: &Run) -> [Series; 2] {
    let rate = |round: &Value| throughput(round, CONNECTIONS);
    [0, 1].map(|index| Series::of_rounds(EMBEDDINGS[index], &run.report["targets"][index], rate))
}

fn bert_base(run: &Run) -> Vec<Goal> {
    let [fastapi, pilotlight] = means(run);
    let bound = Bound::AtMost(0.45);
    let base = fastapi.name;
    vec![
        Goal::new("mean of 16 × 128 tokens, BERT-base", base, bound)
            .repeated(&pilotlight.over(&fastapi)),
        Goal::new("p99 of 16 × 128 tokens, BERT-base", base, bound)
            .ratio(&run.report["ratios"][0]["p99"]),
    ]
}

/// Mean latencies of a request to the model of the size of BERT-base.
fn means(run: &Run) -> [Series; 2] {
    [0, 1].map(|index| {
        let name = run.usage.get(index).map_or("", |(name, _)| *name);
        let mean = |round: &Value| number(&round["mean_ms"]);
        Series::of_rounds(name, &run.report["targets"][index], mean)
    })
}

fn fairness(fairness: &Fairness) -> Vec<Goal> {
    let [p50, p99] = &fairness.short;
    let rows = [
        ("p50 of short texts beside long ones", "idle server", p50),
        ("p99 of short texts beside long ones", "idle server", p99),
        ("mean of long texts beside short ones", "alone", &fairness.long),
    ];
    let goal = |(metric, base, compared): (_, _, &Compared)| {
        Goal::new(metric, base, Bound::None).repeated(&compared.beside.over(&compared.alone))
    };
    rows.into_iter().map(goal).collect()
}

fn agreement(agreement: &[(usize, usize); 3]) -> Vec<Goal> {
    let servers = AGREEMENT.iter().zip([99.5, 100.0, 99.5]).zip(agreement);
    let goal = |((name, least), (equal, all)): ((&&str, f64), &(usize, usize))| {
        let share = *equal as f64 / *all as f64 * 100.0;
        Goal::new(format!("equal labels, {name}"), "golden labels", Bound::AtLeast(least))
            .unit(" %")
            .measured(share)
    };
    servers.map(goal).collect()
}

/// The single rounds that goals are calculated from.
fn rounds(page: &mut String, results: &Results) -> Result {
    let Saturation { connections, direct_f32, direct_int8, default, f32, avx2 } =
        &results.saturation;
    writeln!(
        page,
        "\n### Rounds\n\nRatios are geometric means of those of alternating rounds. Direct calls are in their fastest setting; {connections} \
         connections saturate Pilotlight."
    )?;
    let rate = |rate: f64| format!("{rate:.1}");
    table_head(page, &["texts/s at saturation", "median", "range", "rounds"])?;
    for series in [direct_f32, direct_int8, default, f32, avx2] {
        table_row(page, &series.cells(rate))?;
    }
    let Latency { one_thread, all_cores, default, f32 } = &results.latency;
    table_head(page, &["p50 of one text of 43 tokens", "median", "range", "rounds"])?;
    for series in [one_thread, all_cores, default, f32] {
        table_row(page, &series.cells(ms))?;
    }
    let title = format!("requests/s, {CONNECTIONS} connections");
    table_head(page, &[&title, "median", "range", "rounds"])?;
    for index in 0..COMPARED.len() {
        table_row(page, &rates(&results.compared, index).cells(rate))?;
    }
    table_head(page, &["embeddings/s, 64 connections", "median", "range", "rounds"])?;
    for series in embedding_rates(&results.embeddings.run) {
        table_row(page, &series.cells(rate))?;
    }
    table_head(page, &["mean of 16 × 128 tokens, BERT-base", "median", "range", "rounds"])?;
    for series in means(&results.bert_base) {
        table_row(page, &series.cells(ms))?;
    }
    let counts = AGREEMENT.iter().zip(&results.agreement);
    let counts = counts.map(|(name, (equal, all))| format!("{name} {equal} of {all}"));
    writeln!(
        page,
        "\nLabels: tokens of the golden texts with the label that ONNX Runtime assigns with the 4-bit file; {}.",
        counts.collect::<Vec<_>>().join("; ")
    )
}
