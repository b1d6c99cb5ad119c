//! `docs/performance-sandbox.md`.

use std::fmt::{Result, Write as _};

use super::{LENGTHS, MIDDLE, Results, Row, median};
use crate::compare::goal::{self, Bound, Goal};
use crate::compare::lab::Lab;
use crate::compare::words::{head, machine, ms, number, row, versions, word};

pub(super) fn write(results: &Results, lab: &Lab) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = page_text(&mut page, results, lab);
    page
}

fn page_text(page: &mut String, results: &Results, lab: &Lab) -> Result {
    writeln!(
        page,
        "# Performance inside the sandbox

Written by `cargo xtask compare sandbox`: everything below was measured in one run, in turn, on {}.
The default model computes in WebAssembly, in instances that can be interrupted; native runtimes have one thread, as a sandbox has.
",
        machine(&results.over_http.report)
    )?;
    versions(page, &results.versions, lab.is_quick())?;
    writeln!(page)?;
    goal::table(page, &goals(results))?;
    inference(page, &results.rows)?;
    over_http(page, results)?;
    agreement(page, results)?;
    kernels(page, results)
}

fn goals(results: &Results) -> Vec<Goal> {
    let [native, ..] = &results.rows[..] else { return Vec::new() };
    let middle = LENGTHS.iter().position(|length| *length == MIDDLE).unwrap_or_default();
    let beside = |name: &str| -> Vec<f64> {
        let row = results.rows.iter().find(|row| row.name.contains(name));
        let medians = row.map_or(&[][..], |row| &row.medians[middle]);
        medians.iter().zip(&native.medians[middle]).map(|(ours, native)| ours / native).collect()
    };
    let agreement = |(form, tokens, equal, _): &(&str, usize, usize, f64)| {
        let what = if *form == "int4" { "14: labels, int4" } else { "14: labels, int8" };
        let share = *equal as f64 / *tokens as f64 * 100.0;
        Goal::new(what, "f32 in the sandbox", Bound::AtLeast(99.5)).unit(" %").found(share)
    };
    let f32 = "ONNX Runtime, f32";
    let mut goals = vec![
        Goal::new("9: an inference of 43 tokens", f32, Bound::AtMost(1.5))
            .repeated(&beside("pilotlight, int4")),
        Goal::new("9: the same in wasmtime serve", f32, Bound::None)
            .repeated(&beside("wasmtime serve")),
        Goal::new("9: the same by tract in the sandbox", f32, Bound::None)
            .repeated(&beside("tract in the sandbox")),
    ];
    goals.extend(results.agreement.iter().map(agreement));
    goals
}

fn inference(page: &mut String, rows: &[Row]) -> Result {
    writeln!(
        page,
        "\n## One inference

Medians of an inference alone, without HTTP, tokenising and decoding, which components tell in `x-inference-time`; in parentheses the
times of ONNX Runtime in f32 that this takes. Of several rounds, in which all compute in turn, the middle one is shown."
    )?;
    let columns = LENGTHS.map(|length| format!("{length} tokens"));
    let columns: Vec<&str> = [""].into_iter().chain(columns.iter().map(String::as_str)).collect();
    head(page, &columns)?;
    let Some(native) = rows.first() else { return Ok(()) };
    for one in rows {
        let cells = one.medians.iter().zip(&native.medians).map(|(ours, native)| {
            let ratios: Vec<f64> = ours.iter().zip(native).map(|(a, b)| a / b).collect();
            format!("{} ({:.2})", ms(median(ours)), median(&ratios))
        });
        row(page, &[one.name.to_owned()].into_iter().chain(cells).collect::<Vec<_>>())?;
    }
    Ok(())
}

fn over_http(page: &mut String, results: &Results) -> Result {
    let run = &results.over_http;
    writeln!(page, "\n## Over HTTP\n\nA text of {MIDDLE} tokens, one request after the other.")?;
    head(page, &["", "p50", "p99", "requests/s", "PSS"])?;
    let targets = run.report["targets"].as_array().map_or(&[][..], Vec::as_slice);
    for (target, (_, usage)) in targets.iter().zip(&run.usage) {
        let summary = &target["summary"];
        let time = |key: &str| ms(number(&summary[key]));
        let rate = format!("{:.1}", number(&summary["requests_per_second"]));
        let memory = format!("{:.0} MiB", usage.pss);
        let name = word(&target["name"]).to_owned();
        row(page, &[name, time("p50_ms"), time("p99_ms"), rate, memory])?;
    }
    writeln!(page, "\n![Over HTTP](performance/sandbox.svg)\n\n```sh\n{}\n```", run.command)
}

fn agreement(page: &mut String, results: &Results) -> Result {
    writeln!(
        page,
        "\n## Agreement\n\nOver the golden texts, in the sandbox, beside the same graph in f32 there, whose labels tests compare with ONNX Runtime's."
    )?;
    head(page, &["", "labels", "the same", "largest difference of a logit"])?;
    for (form, tokens, equal, largest) in &results.agreement {
        let share = *equal as f64 / *tokens as f64 * 100.0;
        let cells = [tokens.to_string(), format!("{share:.2} %"), format!("{largest:.3}")];
        row(page, &[&[(*form).to_owned()], &cells[..]].concat())?;
    }
    let [component, model] = results.bytes.map(|bytes| bytes / 1e6);
    writeln!(
        page,
        "\nThe component has {component:.1} MB, {:.1} of them without the model.",
        component - model
    )
}

fn kernels(page: &mut String, results: &Results) -> Result {
    writeln!(
        page,
        "\n## Kernels

Billions of multiplications and additions a second, in the sandbox on one core: rows, inputs and outputs of a product, then weights of 4 bits in blocks
of 32, of 8 bits, and in f32. *At most* is what the ports of an x86-64 core allow with registers of 128 bits, two that multiply and
three that add, at the speed that this run found for the multiplying instruction alone.

```
{}
```

**What bounds it.** WebAssembly's vectors have 128 bits, where ONNX Runtime uses up to 512. A block of 4 bits takes 19 vector instructions for
128 products: eight dot products, eight additions, and three that scale. Wasmtime compiles the relaxed dot product of 32 bits to three instructions where processors
with VNNI have one; a host that uses it would make 8 bits the fastest form.",
        results.kernels.trim_end()
    )
}
