//! `docs/performance-streams.md`.

use std::fmt::{Result, Write as _};

use serde_json::Value;

use super::{Measured, Results};
use crate::compare::markdown::{mib, ms, page, plot, table_head, table_row, versions};
use crate::compare::report::{machine, number, targets, text};
use crate::compare::runner::Runner;

/// 99 % of the frames of a session are answered within this time if a server carries it, in milliseconds.
const CARRIED_MS: f64 = 1_000.0;

pub(super) fn write(results: &Results, runner: &Runner) -> String {
    page(|page| page_text(page, results, runner))
}

fn page_text(page: &mut String, results: &Results, runner: &Runner) -> Result {
    writeln!(
        page,
        "# Performance of streams

`cargo xtask compare stream` measures sessions that send audio in real time, and writes this page. The machine: {}. The load generator uses
the same cores.

- Each connection is a WebSocket in Vosk's protocol. It sends a frame of 32 ms when it is due, whatever the answers to earlier frames take.
  Connections are spread over the length of a frame, and begin at different places of the audio: sentences with a second of silence behind
  each.
- *Python* is FastAPI with ONNX Runtime, one thread for each inference, in one process and in two that share a port
  ([tests/load](../tests/load/README.md)).
- Latency counts from the time at which a frame is due to its answer. *Late* answers come after the next frame is due; *lost* ones do not
  come within five seconds of the last frame.
- Cores and memory are those of the server with its child processes. Memory is the proportional set size at the end of the step.
",
        machine(&results.voice.report)
    )?;
    versions(page, &results.versions, runner.is_quick())?;
    voice(page, &results.voice)?;
    speech(page, &results.speech)
}

fn voice(page: &mut String, measured: &Measured) -> Result {
    writeln!(page, "\n## Voice activity\n\nSilero's model. Each frame is one inference.")?;
    steps(page, &measured.report)?;
    plot(page, "Voice activity", measured.plot, &measured.command)
}

fn speech(page: &mut String, measured: &Measured) -> Result {
    writeln!(
        page,
        "\n## Speech to text\n\nMoonshine tiny, with Silero's model for its segments. While somebody speaks, the text so far is computed again \
         after each second, or each quarter of longer speech. A frame that completes a text is answered with it."
    )?;
    steps(page, &measured.report)?;
    writeln!(
        page,
        "\nA server carries a number of connections if it answers all frames, 99 % of them within {CARRIED_MS:.0} ms. The largest of these numbers:"
    )?;
    table_head(page, &["", "connections"])?;
    for target in targets(&measured.report) {
        let carried = target["steps"].as_array().into_iter().flatten().filter(|step| carries(step));
        let most = carried.filter_map(|step| step["connections"].as_u64()).max();
        let most = most.map_or_else(|| "none".to_owned(), |most| most.to_string());
        table_row(page, &[text(&target["name"]).to_owned(), most])?;
    }
    plot(page, "Speech to text", measured.plot, &measured.command)
}

fn carries(step: &Value) -> bool {
    step["lost"] == 0 && step["broken"] == 0 && number(&step["p99_ms"]) <= CARRIED_MS
}

/// A row for each server and number of connections.
fn steps(page: &mut String, report: &Value) -> Result {
    let columns = ["", "connections", "frames/s", "lost", "late", "p50", "p99", "max"];
    table_head(page, &[&columns[..], &["cores", "memory"]].concat())?;
    for target in targets(report) {
        for step in target["steps"].as_array().into_iter().flatten() {
            let mut cells = vec![text(&target["name"]).to_owned(), step["connections"].to_string()];
            cells.push(format!("{:.0}", number(&step["frames_per_second"])));
            cells.extend(["lost", "late"].map(|key| step[key].to_string()));
            cells.extend(["p50_ms", "p99_ms", "max_ms"].map(|key| ms(number(&step[key]))));
            cells.push(format!("{:.2}", number(&step["busy_cores"])));
            cells.push(mib(number(&step["resident_bytes"]) / 1_048_576.0));
            table_row(page, &cells)?;
        }
    }
    Ok(())
}
