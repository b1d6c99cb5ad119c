//! Speed of the products with each instruction set, beside what the machine could do at most.
//!
//! `cargo run --release -p pilotlight-kernels --example products`, or for WebAssembly
//! `cargo build --profile guest --target wasm32-wasip2 …`, run by `wasmtime run`, with `-W timeout=600s` as well for the
//! checks that interruption needs. Milliseconds of each measurement: the first argument. An instruction set: the
//! second one.

#![allow(clippy::expect_used, reason = "its sizes fit")]

#[allow(unsafe_code, reason = "vector instructions")]
mod limit;

use std::hint::black_box;
use std::time::{Duration, Instant};

use pilotlight_kernels::{
    Attention, AttentionScratch, Epilogue, F32Weights, Heads, InstructionSet, Int4Weights,
    Int8Weights, Nibbles, Rows, Scratch, Then, Weights, linear,
};

const BLOCK: usize = 32;

/// Rows, inputs and outputs.
const SHAPES: [(usize, usize, usize); 9] = [
    (43, 384, 1536),
    (43, 1536, 384),
    (43, 384, 384),
    (43, 384, 1152),
    (8, 384, 1536),
    (8, 1536, 384),
    (128, 384, 1536),
    (400, 384, 1536),
    (400, 1536, 384),
];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let milliseconds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(150);
    let time = Duration::from_millis(milliseconds);
    let wanted = arguments.next();
    let sets = InstructionSet::ALL.iter().rev().filter(|set| set.is_available());
    for set in sets.filter(|set| wanted.as_ref().is_none_or(|name| set.name() == name)) {
        println!("{:>16} {:>8} {:>8} {:>8}  GMAC/s", "rows x K x N", "4 bits", "8 bits", "f32");
        if !cfg!(target_family = "wasm") {
            println!("{set:>16}");
        }
        print(*set, time);
    }
}

fn print(set: InstructionSet, time: Duration) {
    if let Some([int4, int8, float]) = limit::products(set, time) {
        println!("{:>16} {int4:>8.1} {int8:>8.1} {float:>8.1}  at most", "");
    }
    for (rows, inputs, outputs) in SHAPES {
        let [int4, int8, float] =
            weights(set, outputs, inputs).map(|weights| measure(rows, &weights, Then::Store, time));
        let shape = format!("{rows}x{inputs}x{outputs}");
        println!("{shape:>16} {int4:>8.1} {int8:>8.1} {float:>8.1}");
    }
    let [int4, ..] = weights(set, 1536, 384);
    println!("{:>16} {:>8.1} with GELU", "43x384x1536", measure(43, &int4, Then::Gelu, time));
    for tokens in [43, 128, 400] {
        println!("{:>16} {:>26.1} attention, 12 heads", tokens, attention(set, tokens, time));
    }
}

/// Values in ±1 that repeat late.
fn values(count: usize) -> Vec<f32> {
    (0..count).map(|index| ((index * 7919) % 2003) as f32 / 1001.5 - 1.0).collect()
}

fn weights(set: InstructionSet, outputs: usize, inputs: usize) -> [Weights; 3] {
    let codes: Vec<u8> =
        (0..outputs * inputs / 2).map(|index| ((index * 151) >> 3) as u8).collect();
    let scales: Vec<f32> = values(outputs * inputs / BLOCK).iter().map(|x| x * 0.01).collect();
    let floats = values(outputs * inputs);
    let sizes = [outputs, inputs];
    let nibbles = Nibbles { sizes, block: BLOCK, codes: &codes, scales: &scales };
    [
        Int4Weights::pack_on(set, &nibbles).map(Weights::Int4),
        Int8Weights::quantize_on(set, sizes, &floats).map(Weights::Int8),
        F32Weights::pack_on(set, sizes, &floats).map(Weights::F32),
    ]
    .map(|weights| weights.expect("sizes fit"))
}

/// Billions of multiplications in a second, best of rounds that take `time` in all.
fn measure(rows: usize, weights: &Weights, then: Then<'_>, time: Duration) -> f64 {
    let x = values(rows * weights.inputs());
    let bias = values(weights.outputs());
    let mut out = vec![0.0; rows * weights.outputs()];
    let mut scratch = Scratch::default();
    let epilogue = Epilogue { bias: Some(&bias), then };
    let products = (rows * weights.inputs() * weights.outputs()) as f64;
    best(time, products, || {
        linear(black_box(&x), rows, weights, &epilogue, &mut scratch, &mut out).expect("sizes fit");
        black_box(&mut out);
    })
}

/// The same of an attention's two products, with all else that it does.
fn attention(set: InstructionSet, tokens: usize, time: Duration) -> f64 {
    let heads = Heads { count: 12, width: 32 };
    let width = heads.count * heads.width;
    let x = values(tokens * 3 * width);
    let rows = [0, 1, 2].map(|part| Rows { values: &x, stride: 3 * width, start: part * width });
    let attention = Attention::new(tokens, heads, rows, 0.2).expect("sizes fit");
    let (mut scratch, mut out) = (AttentionScratch::default(), vec![0.0; tokens * width]);
    best(time, (2 * tokens * tokens * width) as f64, || {
        attention.compute_on(set, &mut scratch, black_box(&mut out));
    })
}

fn best(time: Duration, products: f64, mut run: impl FnMut()) -> f64 {
    run();
    let start = Instant::now();
    let mut shortest = Duration::MAX;
    while start.elapsed() < time {
        let turn = Instant::now();
        run();
        shortest = shortest.min(turn.elapsed());
    }
    products / shortest.as_secs_f64() / 1e9
}
