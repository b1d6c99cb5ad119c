//! A graph computed here, natively or in a sandbox: its speed, or how far it is from f32.
//!
//! `infer MODEL.onnx IDS.jsonl FORM [SECONDS]`: `FORM` is `tract`, for the graph as the file has it, or
//! `f32`, `int8` or `int4`, for what components compute. The lines of `IDS.jsonl` are
//! `{"ids": [2, 17, 3]}`. With `SECONDS` the first line is computed again and again; without, all
//! lines are, in `f32` as well. Prints one line of JSON.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    reason = "a tool for measuring, not for serving"
)]

use std::time::{Duration, Instant};

use pilotlight_onnx::{Precision, decode, import, parse};
use serde_json::{Value, json};
use tract_core::internal::*;
use tract_core::plan::SimplePlan;

type Plan = Arc<SimplePlan<TypedFact, Box<dyn TypedOp>>>;

/// A graph that is ready, and the names of its inputs.
struct Ready {
    plan: Plan,
    inputs: Vec<String>,
}

impl Ready {
    /// `length` is that of the sequences, if all have the same.
    fn load(file: &str, form: &str, length: usize) -> Self {
        let bytes = &std::fs::read(file).unwrap()[..];
        let (mut model, inputs): (_, Vec<String>) = if form == "tract" {
            let imported = import(decode(bytes).unwrap()).unwrap();
            let mut model = imported.model;
            for index in 0..imported.inputs.len() {
                model.set_input_fact(index, i64::fact([1, length])).unwrap();
            }
            (model, imported.inputs.into_iter().map(|input| input.name).collect())
        } else {
            let precision: Precision = form.parse().unwrap();
            let graph = parse(bytes, precision).unwrap();
            (graph.model, graph.inputs)
        };
        model.declutter().unwrap();
        model.optimize().unwrap();
        Self { plan: SimplePlan::new(model).unwrap(), inputs }
    }

    fn logits(&self, ids: &[i64]) -> Tensor {
        let row =
            |values: &[i64]| Tensor::from_shape(&[1, ids.len()], values).unwrap().into_tvalue();
        let inputs = self.inputs.iter().map(|name| match &name[..] {
            "input_ids" => row(ids),
            "token_type_ids" => row(&vec![0; ids.len()]),
            _ => row(&vec![1; ids.len()]),
        });
        self.plan.run(inputs.collect()).unwrap().swap_remove(0).into_tensor()
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match &arguments[..] {
        [model, ids, form] => compare(model, &read_ids(ids), form),
        [model, ids, form, seconds] => {
            let time = Duration::from_secs_f64(seconds.parse().unwrap());
            measure(model, &read_ids(ids)[0], form, time)
        }
        _ => panic!("infer MODEL.onnx IDS.jsonl FORM [SECONDS]"),
    };
    println!("{result}");
}

fn read_ids(file: &str) -> Vec<Vec<i64>> {
    let ids = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["ids"].as_array().unwrap().iter().map(|id| id.as_i64().unwrap()).collect()
    };
    std::fs::read_to_string(file).unwrap().lines().map(ids).collect()
}

/// The median of a run, the first one left out.
fn measure(model: &str, ids: &[i64], form: &str, time: Duration) -> Value {
    let ready = Ready::load(model, form, ids.len());
    ready.logits(ids);
    let mut times = Vec::new();
    let start = Instant::now();
    while times.is_empty() || start.elapsed() < time {
        let run = Instant::now();
        ready.logits(ids);
        times.push(run.elapsed());
    }
    times.sort_unstable();
    json!({"runs": times.len(), "p50_ms": times[times.len() / 2].as_secs_f64() * 1e3})
}

/// Labels that are those of f32, and the largest difference of a logit.
fn compare(model: &str, texts: &[Vec<i64>], form: &str) -> Value {
    let (exact, ready) = (Ready::load(model, "f32", 0), Ready::load(model, form, 0));
    let (mut tokens, mut equal, mut largest) = (0, 0, 0.0f32);
    for ids in texts {
        let (exact, found) = (exact.logits(ids), ready.logits(ids));
        let labels = *exact.shape().last().unwrap();
        let rows = |tensor: &Tensor| {
            let values = tensor.try_as_plain_ram().unwrap().as_slice::<f32>().unwrap().to_vec();
            values.chunks(labels).map(<[f32]>::to_vec).collect::<Vec<_>>()
        };
        for (exact, found) in rows(&exact).iter().zip(rows(&found)) {
            tokens += 1;
            equal += usize::from(label(exact) == label(&found));
            let differences = exact.iter().zip(found).map(|(a, b)| (a - b).abs());
            largest = differences.fold(largest, f32::max);
        }
    }
    json!({"tokens": tokens, "equal": equal, "largest_difference": largest})
}

fn label(logits: &[f32]) -> Option<usize> {
    (0..logits.len()).max_by(|one, two| logits[*one].total_cmp(&logits[*two]))
}
