//! What a process of its own costs: `isolated MODEL.onnx [SECONDS] [tract|onnxruntime] [THREADS]`
//! runs the same batches here and there, in turn, and prints medians.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a tool for measuring, not for serving"
)]

use std::time::{Duration, Instant};

use futures::executor::block_on;
use pilotlight_inference::isolated::{Engine, Isolated, IsolatedOptions, work};
use pilotlight_inference::{
    Backend, Device, Element, Graph, GraphOptions, Graphs, OnnxRuntimeOptions, Tensor,
};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, options @ ..] = &arguments[..] else { panic!("a model is needed") };
    if file == "child" {
        return work().unwrap();
    }
    let seconds = options.first().map_or(10, |text| text.parse().expect("a number"));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = options.get(2).map_or(cores, |text| text.parse().expect("a number"));
    let engine = match options.get(1).map(String::as_str) {
        Some("tract") => Engine::Tract(Device::Cpu),
        _ => Engine::OnnxRuntime(OnnxRuntimeOptions { threads, ..OnnxRuntimeOptions::default() }),
    };
    let file = std::fs::read(file).expect("a model");
    let there = Isolated::start(engine.clone(), IsolatedOptions::new(["child".into()])).unwrap();
    let here = engine.open().unwrap();
    let name = here.name();
    let pairs = [here, Box::new(there) as Box<dyn Backend>].map(|backend| {
        let graphs = Graphs::new(backend, threads).unwrap();
        let graph = graphs.load("model", file.clone(), GraphOptions::default()).unwrap();
        (graphs, graph)
    });
    let time = Duration::from_secs(seconds);
    println!("{name}, medians of so many calls, in µs");
    println!("| batch | calls | here | in a process of its own | more |");
    println!("| --- | --- | --- | --- | --- |");
    for (rows, length) in [(1, 16), (1, 43), (8, 128)] {
        let [here, there] = measure(&pairs, (rows, length), time);
        let (more, runs) = (there.1 - here.1, here.0);
        println!("| {rows}×{length} | {runs} | {:.0} | {:.0} | {more:.0} |", here.1, there.1);
    }
}

/// Calls, and the median of their times in microseconds, of each graph.
fn measure(pairs: &[(Graphs, Graph); 2], sizes: (u32, u32), time: Duration) -> [(usize, f64); 2] {
    let mut times = [Vec::new(), Vec::new()];
    let begin = Instant::now();
    let mut warm = false;
    while begin.elapsed() < time || times[0].is_empty() {
        for ((graphs, graph), times) in pairs.iter().zip(&mut times) {
            let inputs = inputs(graphs, graph, sizes);
            // A few at a time: what the other has left in the caches is gone after the first.
            for _ in 0..4 {
                let start = Instant::now();
                drop(block_on(graph.compute(inputs.clone())).unwrap());
                times.push(start.elapsed().as_secs_f64() * 1e6);
            }
        }
        if !std::mem::replace(&mut warm, true) {
            times.iter_mut().for_each(Vec::clear);
        }
    }
    times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        (times.len(), times[times.len() / 2])
    })
}

fn inputs(graphs: &Graphs, graph: &Graph, (rows, length): (u32, u32)) -> Vec<(String, Tensor)> {
    let tensor = |fill: &dyn Fn(i64) -> i64| {
        let ids = (0..i64::from(rows * length)).flat_map(|id| fill(id).to_le_bytes());
        let bytes: Vec<u8> = ids.collect();
        Tensor::copied(graphs.buffers(), Element::I64, &[rows, length], &bytes).unwrap()
    };
    let ports = graph.signature().inputs.iter();
    let of = |name: &str| match name {
        "input_ids" => tensor(&|id| 5 + id * 7919 % 15_000),
        "attention_mask" => tensor(&|_| 1),
        _ => tensor(&|_| 0),
    };
    ports.map(|port| (port.name.clone(), of(&port.name))).collect()
}
