//! The native backend beside ONNX Runtime in f32, in one process and in alternating rounds.
//!
//! `native MODEL.onnx [--threads N] [--rounds N] [--precision P] [--lengths 8,43] [--callers N]`: for texts of some lengths the
//! median of a lone call, and for texts of 8 to 400 tokens, whose lengths are spread evenly over their
//! logarithms, texts a second with 64 callers. Prints a line of JSON for each.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a tool for measuring, not for serving"
)]

use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use pilotlight_inference::{
    Element, Graph, GraphOptions, Graphs, Native, NativeOptions, OnnxRuntime, OnnxRuntimeOptions,
    Precision, Tensor,
};
use pilotlight_onnx::proto::ModelProto;
use pilotlight_onnx::rewrite::to_f32;
use pilotlight_onnx::{Wanted, adapt, decode, encode, widen_halves};

struct Options {
    model: String,
    threads: usize,
    round: Duration,
    rounds: usize,
    lengths: Vec<usize>,
    /// Of the texts of many lengths; 0 for none.
    callers: usize,
    precision: Precision,
}

struct Side {
    name: &'static str,
    graphs: Graphs,
    graph: Graph,
}

fn main() {
    let options = options();
    let sides = [native(&options), runtime(&options)];
    for length in options.lengths.iter().copied() {
        let mut times = [vec![], vec![]];
        for _ in 0..options.rounds {
            for (side, times) in sides.iter().zip(&mut times) {
                lone(side, length, options.round, times);
            }
        }
        // Beside other programs, the fastest tenth is nearer to what it takes alone.
        let tenth = times.clone().map(|times| quantile(times, 0.1) * 1e3);
        let [native, onnxruntime] = times.map(|times| quantile(times, 0.5) * 1e3);
        let line = serde_json::json!({"tokens": length, "threads": options.threads,
            "precision": options.precision.to_string(),
            "native_ms": native, "onnxruntime_ms": onnxruntime, "ratio": native / onnxruntime,
            "native_p10_ms": tenth[0], "ratio_p10": tenth[0] / tenth[1]});
        println!("{line}");
    }
    if options.callers == 0 {
        return;
    }
    let mut rates = [vec![], vec![]];
    for _ in 0..options.rounds {
        for (side, rates) in sides.iter().zip(&mut rates) {
            rates.push(saturated(side, options.callers, options.round * 3));
        }
    }
    let [native, onnxruntime] = rates.map(|rates| quantile(rates, 0.5));
    let line = serde_json::json!({"tokens": "8 to 400", "callers": options.callers,
        "threads": options.threads, "precision": options.precision.to_string(),
        "native_per_second": native, "onnxruntime_per_second": onnxruntime,
        "ratio": native / onnxruntime});
    println!("{line}");
    println!("{:?}", sides[0].graph.status());
}

fn options() -> Options {
    let mut arguments = std::env::args().skip(1);
    let mut options = Options {
        model: arguments.next().expect("a model"),
        threads: 1,
        round: Duration::from_millis(300),
        rounds: 9,
        lengths: vec![8, 43, 128, 400],
        callers: 64,
        precision: Precision::Int4,
    };
    while let Some(argument) = arguments.next() {
        let value = arguments.next().expect("a value");
        match &argument[..] {
            "--threads" => options.threads = value.parse().expect("a number"),
            "--callers" => options.callers = value.parse().expect("a number"),
            "--lengths" => {
                let numbers = value.split(',').filter(|number| !number.is_empty());
                options.lengths = numbers.map(|n| n.parse().expect("a number")).collect();
            }
            "--rounds" => options.rounds = value.parse().expect("a number"),
            "--precision" => options.precision = value.parse().expect("a precision"),
            _ => panic!("{argument}"),
        }
    }
    options
}

/// The graph in the form that encoders are served in.
fn served(options: &Options) -> ModelProto {
    let file = std::fs::read(&options.model).expect("the model can be read");
    let mut model = decode(&file[..]).unwrap();
    adapt(&mut model, &Wanted::PerToken { columns: None }).unwrap();
    widen_halves(&mut model);
    model
}

fn native(options: &Options) -> Side {
    let backend = Native::new(NativeOptions::default()).unwrap();
    let graphs = Graphs::new(Box::new(backend), options.threads);
    side("native", graphs, encode(&served(options)), options.precision)
}

fn runtime(options: &Options) -> Side {
    let runtime = OnnxRuntimeOptions { threads: options.threads, ..OnnxRuntimeOptions::default() };
    let backend = OnnxRuntime::new(runtime).unwrap();
    let mut model = served(options);
    to_f32(&mut model).unwrap();
    let graphs = Graphs::new(Box::new(backend), options.threads);
    side("onnxruntime", graphs, encode(&model), Precision::F32)
}

fn side(
    name: &'static str,
    graphs: pilotlight_inference::Result<Graphs>,
    file: Vec<u8>,
    precision: Precision,
) -> Side {
    let graphs = graphs.unwrap();
    let start = Instant::now();
    let mut options = GraphOptions::default();
    options.precision = precision;
    let graph = graphs.load(name, file, options).unwrap();
    println!("{name}: loaded in {:?}", start.elapsed());
    Side { name, graphs, graph }
}

/// Inputs of one text.
fn inputs(side: &Side, length: usize, seed: usize) -> Vec<(String, Tensor)> {
    let ids = (0..length).map(|i| ((i * 7919 + seed * 104_729) % 16_000) as i64);
    let ids: Vec<i64> = ids.collect();
    let fill = |name: &str| match name {
        "input_ids" => ids.clone(),
        "attention_mask" => vec![1; length],
        _ => vec![0; length],
    };
    let ports = side.graph.signature().inputs.iter();
    let inputs = ports.map(|port| {
        let bytes: Vec<u8> = fill(&port.name).iter().flat_map(|id| id.to_le_bytes()).collect();
        let buffers = side.graphs.buffers();
        let tensor = Tensor::copied(buffers, Element::I64, &[1, length as u32], &bytes).unwrap();
        (port.name.clone(), tensor)
    });
    inputs.collect()
}

fn lone(side: &Side, length: usize, time: Duration, times: &mut Vec<f64>) {
    let begin = Instant::now();
    let mut runs = 0;
    while runs < 4 || begin.elapsed() < time {
        let inputs = inputs(side, length, runs);
        let start = Instant::now();
        block_on(side.graph.compute(inputs)).expect(side.name);
        if runs > 2 {
            times.push(start.elapsed().as_secs_f64());
        }
        runs += 1;
    }
}

/// Texts a second.
fn saturated(side: &Side, callers: usize, time: Duration) -> f64 {
    let texts = Mutex::new(0);
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for caller in 0..callers {
            let texts = &texts;
            scope.spawn(move || {
                // The same lengths for all sides, another order for each caller.
                let mut number = caller;
                while begin.elapsed() < time {
                    let share = (number * 37 % 101) as f64 / 100.0;
                    let length = (8.0 * (400.0f64 / 8.0).powf(share)).round() as usize;
                    block_on(side.graph.compute(inputs(side, length, number))).expect(side.name);
                    *texts.lock().unwrap() += 1;
                    number += 1;
                }
            });
        }
    });
    f64::from(*texts.lock().unwrap()) / begin.elapsed().as_secs_f64()
}

fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[(values.len() as f64 * share) as usize]
}
