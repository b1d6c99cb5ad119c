//! `docs/performance-sandbox.md`.

use std::fmt::{Result, Write as _};

use super::{GOAL_LENGTH, LENGTHS, PrecisionAgreement, Results, Row};
use crate::compare::goals::{self, Bound, Goal};
use crate::compare::markdown::{mib, ms, page, plot, table_head, table_row, versions};
use crate::compare::report::{machine, median, number, targets, text};
use crate::compare::runner::Runner;

pub(super) fn write(results: &Results, runner: &Runner) -> String {
    page(|page| page_text(page, results, runner))
}

fn page_text(page: &mut String, results: &Results, runner: &Runner) -> Result {
    writeln!(
        page,
        "# Performance of inference in the sandbox

`cargo xtask compare sandbox` measures the default model in WebAssembly, in instances that can be interrupted, and native runtimes with
one thread, in alternating rounds of one run, and writes this page. The machine: {}.
",
        machine(&results.over_http.report)
    )?;
    versions(page, &results.versions, runner.is_quick())?;
    writeln!(page)?;
    goals::table(page, &goals(results))?;
    inference(page, &results.rows)?;
    over_http(page, results)?;
    agreement(page, results)?;
    kernels(page, results)
}

fn goals(results: &Results) -> Vec<Goal> {
    const BASELINE: &str = "ONNX Runtime, f32";
    let [baseline, ..] = &results.rows[..] else { return Vec::new() };
    let length = LENGTHS.iter().position(|length| *length == GOAL_LENGTH).unwrap_or_default();
    let ratios = |name: &str| -> Vec<f64> {
        let row = results.rows.iter().find(|row| row.name.contains(name));
        let medians = row.map_or(&[][..], |row| &row.medians[length]);
        medians.iter().zip(&baseline.medians[length]).map(|(one, base)| one / base).collect()
    };
    let agreement = |agreement: &PrecisionAgreement| {
        let metric = format!("equal labels, {}", agreement.precision);
        let goal = Goal::new(metric, "f32 in the sandbox", Bound::AtLeast(99.5));
        goal.unit(" %").measured(agreement.percent())
    };
    let mut goals = vec![
        Goal::new("inference of 43 tokens, pilotlight", BASELINE, Bound::AtMost(1.5))
            .repeated(&ratios("pilotlight, int4")),
        Goal::new("inference of 43 tokens, `wasmtime serve`", BASELINE, Bound::None)
            .repeated(&ratios("wasmtime serve")),
        Goal::new("inference of 43 tokens, tract in the sandbox", BASELINE, Bound::None)
            .repeated(&ratios("tract in the sandbox")),
    ];
    goals.extend(results.agreement.iter().map(agreement));
    goals
}

fn inference(page: &mut String, rows: &[Row]) -> Result {
    writeln!(
        page,
        "\n## Inference\n\nMedian time of an inference, without HTTP, tokenization and decoding; components report it in \
         `x-inference-time`. In parentheses: relative to ONNX Runtime in f32. Figures are medians of alternating rounds."
    )?;
    let columns = LENGTHS.map(|length| format!("{length} tokens"));
    let columns: Vec<&str> = [""].into_iter().chain(columns.iter().map(String::as_str)).collect();
    table_head(page, &columns)?;
    let Some(baseline) = rows.first() else { return Ok(()) };
    for row in rows {
        let cells = row.medians.iter().zip(&baseline.medians).map(|(medians, baseline)| {
            let ratios: Vec<f64> = medians.iter().zip(baseline).map(|(a, b)| a / b).collect();
            format!("{} ({:.2})", ms(median(medians)), median(&ratios))
        });
        table_row(page, &[row.name.to_owned()].into_iter().chain(cells).collect::<Vec<_>>())?;
    }
    Ok(())
}

fn over_http(page: &mut String, results: &Results) -> Result {
    let run = &results.over_http;
    writeln!(
        page,
        "\n## Over HTTP\n\nRequests with one text of {GOAL_LENGTH} tokens, one after the other."
    )?;
    table_head(page, &["", "p50", "p99", "requests/s", "PSS"])?;
    for (target, (_, usage)) in targets(&run.report).iter().zip(&run.usage) {
        let summary = &target["summary"];
        let time = |key: &str| ms(number(&summary[key]));
        let rate = format!("{:.1}", number(&summary["requests_per_second"]));
        let name = text(&target["name"]).to_owned();
        table_row(page, &[name, time("p50_ms"), time("p99_ms"), rate, mib(usage.pss)])?;
    }
    plot(page, "Over HTTP", "sandbox", &run.command)
}

fn agreement(page: &mut String, results: &Results) -> Result {
    writeln!(
        page,
        "\n## Accuracy\n\nLabels of the golden texts in the sandbox, compared with those of the same graph in f32 in the sandbox; tests compare \
         the latter with the labels of ONNX Runtime."
    )?;
    table_head(page, &["", "labels", "equal", "largest difference of a logit"])?;
    for agreement in &results.agreement {
        let cells = [
            agreement.precision.to_owned(),
            agreement.tokens.to_string(),
            format!("{:.2} %", agreement.percent()),
            format!("{:.3}", agreement.largest),
        ];
        table_row(page, &cells)?;
    }
    let [component, model] = results.bytes.map(|bytes| bytes / 1e6);
    writeln!(
        page,
        "\nThe size of the component is {component:.1} MB, {:.1} MB of it without the model.",
        component - model
    )
}

fn kernels(page: &mut String, results: &Results) -> Result {
    writeln!(
        page,
        "\n## Kernels

Billions of multiply-accumulate operations per second in the sandbox on one core, for a product with the given rows, inputs (K) and outputs
(N), and weights of 4 bits in blocks of 32, of 8 bits, and in f32. *at most* is the upper limit of an x86-64 core with 128-bit
registers, two ports that multiply and three that add, calculated from the measured throughput of the multiply instruction.

```
{}
```

**What limits it.** WebAssembly has 128-bit vectors; ONNX Runtime uses up to 512 bits. A block of 4-bit weights takes 19 vector
instructions for 128 products: eight dot products, eight additions, and three to scale the result. Wasmtime compiles the relaxed 32-bit dot
product to three instructions; processors with VNNI have one. A host that uses it would make 8 bits the fastest precision.",
        results.kernels.trim_end()
    )
}
