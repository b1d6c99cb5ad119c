//! `docs/performance-host.md`.

mod goals;
mod load;
mod scheduling;

use std::fmt::{Result, Write as _};

use super::corpus::{LONGEST, SHORTEST, TEXTS};
use super::files::{Texts, lengths};
use super::scenarios::CONNECTIONS;
use super::{Results, wasmtime};
use crate::compare::bert_base::{BATCH, INT8, TOKENS};
use crate::compare::markdown::{mib, ms, page, plot, table_head, table_row, versions};
use crate::compare::report::{errors, machine, number, targets, throughput};
use crate::compare::runner::{Run, Runner};

pub(super) fn write(results: &Results, corpus: &Texts, runner: &Runner) -> String {
    page(|page| page_text(page, results, corpus, runner))
}

fn page_text(page: &mut String, results: &Results, corpus: &Texts, runner: &Runner) -> Result {
    introduction(page, results, corpus)?;
    versions(page, &results.versions, runner.is_quick())?;
    writeln!(page)?;
    goals::write(page, results)?;
    load::direct(page, &results.direct)?;
    load::compared(page, &results.compared)?;
    load::sweep(page, &results.sweep)?;
    scheduling::fairness(page, &results.fairness)?;
    scheduling::batching(page, &results.batching)?;
    load::embeddings(page, &results.embeddings.run)?;
    bert_base(page, &results.bert_base)?;
    scheduling::health(page, &results.health)?;
    sandbox(page, &results.sandbox)?;
    if let Some(run) = &results.wasmtime {
        own_wasi_nn(page, run)?;
    }
    fastapi(page, results)
}

fn introduction(page: &mut String, results: &Results, corpus: &Texts) -> Result {
    let lengths = lengths(&corpus.ids).unwrap_or_default();
    let mean = lengths.iter().sum::<usize>() as f64 / lengths.len() as f64;
    writeln!(
        page,
        "# Performance of inference on the host

`cargo xtask compare host` measures Pilotlight with `--compute host`, FastAPI, and ONNX Runtime called directly, over loopback, in one
run, and writes this page. The machine: {}.
Load generator and server share the cores; direct calls have all cores to themselves.

- *pilotlight* is the default: `pilotlight build --compute host` without further options, which selects {} here, computed by the
  backend `native`. *pilotlight, f32* is `native` with the f32 file that ONNX Runtime computes, too; *AVX2 only* is the default with
  `--cpu avx2`, while ONNX Runtime uses all instructions of the processor.
- *pilotlight, ONNX Runtime*, *FastAPI* and *direct calls* compute the same files with the same library: the default model's graph as
  `pilotlight build --compute host --backend onnxruntime` writes it, in f32 and in int8 (rotated, with one scale for each output channel
  and each token; attention in f32).
- The texts are the same {TEXTS} for all, of {SHORTEST} to {LONGEST} tokens (mean {mean:.0}, log-uniform distribution), composed of words of
  the golden texts, one text per request.
- Requests/s and texts/s of servers are the number of connections divided by the mean latency: each connection sends its next request
  when it has its response.
",
        machine(&results.sweep.report),
        results.selected,
    )
}

fn bert_base(page: &mut String, run: &Run) -> Result {
    writeln!(
        page,
        "\n## A model of the size of BERT-base\n\nRequests of {BATCH} texts of {TOKENS} tokens, one after the other, to the model of \
         [performance-bert-base.md](performance-bert-base.md), which has the shape of BERT-base-Chinese and random weights. {INT8} FastAPI \
         computes in f32 on all cores."
    )?;
    let columns = ["", "texts/s", "requests", "mean", "p99", "errors"];
    table_head(page, &[&columns[..], &["PSS", "RSS"]].concat())?;
    for (target, (name, usage)) in targets(&run.report).iter().zip(&run.usage) {
        let summary = &target["summary"];
        let rate = throughput(summary, 1) * BATCH as f64;
        let mut cells = vec![(*name).to_owned(), format!("{rate:.2}")];
        cells.push(summary["requests"].to_string());
        cells.extend(["mean_ms", "p99_ms"].map(|key| ms(number(&summary[key]))));
        cells.push(errors(&summary["errors"]).to_string());
        cells.extend([usage.pss, usage.rss].map(mib));
        table_row(page, &cells)?;
    }
    plot(page, "host-bert-base", "host-bert-base", &run.command)
}

fn sandbox(page: &mut String, run: &Run) -> Result {
    writeln!(
        page,
        "\n## In the sandbox\n\nFor comparison: the same texts with `--compute guest`, the default of `pilotlight build`."
    )?;
    load::steps(page, run)?;
    load::resources(page, run)?;
    plot(page, "host-sandbox", "host-sandbox", &run.command)
}

fn own_wasi_nn(page: &mut String, run: &Run) -> Result {
    writeln!(
        page,
        "\n## Wasmtime's own wasi-nn\n\nThe same component in f32, one text of 43 tokens. The published `wasmtime serve` supports wasi-nn \
         with OpenVINO only ({}); it got the graph in OpenVINO's format. It loads the graph for each instance, and a call of wasi-nn blocks \
         the thread that runs the guest. *pilotlight, f32* and *fresh instances* use a fresh instance for each request.",
        wasmtime::PACKAGE
    )?;
    load::steps(page, run)?;
    load::resources(page, run)?;
    plot(page, "host-wasmtime", "host-wasmtime", &run.command)
}

fn fastapi(page: &mut String, results: &Results) -> Result {
    let (run, threads) = &results.fastapi;
    writeln!(
        page,
        "\n## Threads of the FastAPI service\n\nThe service (benchmarks/python/fastapi_service.py) is one process. The comparisons with the \
         default model use its fastest setting at {CONNECTIONS} connections: {}. With one thread per inference, a single connection uses one \
         core.",
        threads.name
    )?;
    load::at_connections(page, run)?;
    plot(page, "host-fastapi", "host-fastapi", &run.command)
}
