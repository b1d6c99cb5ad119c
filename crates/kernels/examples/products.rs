//! Speed of the products, beside what the machine could do at most.
//!
//! `cargo build --release -p pilotlight-kernels --example products`, or for WebAssembly with
//! `--profile guest --target wasm32-wasip2`, run by `wasmtime run`, with `-W timeout=600s` as well for the
//! checks that interruption needs. Milliseconds of each measurement: the first argument.

#![allow(clippy::expect_used, reason = "its sizes fit")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use pilotlight_kernels::{
    Attention, AttentionScratch, Epilogue, F32Weights, Heads, Int4Weights, Int8Weights, Rows,
    Scratch, Then, Weights, linear,
};

const BLOCK: usize = 32;

fn main() {
    let milliseconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(150);
    let time = Duration::from_millis(milliseconds);
    println!("{:>16} {:>8} {:>8} {:>8}  GMAC/s", "rows x K x N", "4 bits", "8 bits", "f32");
    #[cfg(target_feature = "relaxed-simd")]
    limit::print(time);
    for (rows, inputs, outputs) in [
        (43, 384, 1536),
        (43, 1536, 384),
        (43, 384, 384),
        (43, 384, 1152),
        (8, 384, 1536),
        (8, 1536, 384),
        (128, 384, 1536),
        (400, 384, 1536),
        (400, 1536, 384),
    ] {
        let speed = |weights: &Weights, then| {
            let speed = measure(rows, weights, then, time);
            format!("{speed:>8.1}")
        };
        let [int4, int8, float] = weights(outputs, inputs);
        println!(
            "{:>16} {} {} {}",
            format!("{rows}x{inputs}x{outputs}"),
            speed(&int4, Then::Store),
            speed(&int8, Then::Store),
            speed(&float, Then::Store),
        );
    }
    let [int4, ..] = weights(1536, 384);
    println!("{:>16} {:>8.1} with GELU", "43x384x1536", measure(43, &int4, Then::Gelu, time));
    for tokens in [43, 128, 400] {
        println!("{:>16} {:>26.1} attention, 12 heads", tokens, attention(tokens, time));
    }
}

/// Values in ±1 that repeat late.
fn values(count: usize) -> Vec<f32> {
    (0..count).map(|index| ((index * 7919) % 2003) as f32 / 1001.5 - 1.0).collect()
}

fn weights(outputs: usize, inputs: usize) -> [Weights; 3] {
    let codes: Vec<u8> =
        (0..outputs * inputs / 2).map(|index| ((index * 151) >> 3) as u8).collect();
    let scales: Vec<f32> = values(outputs * inputs / BLOCK).iter().map(|x| x * 0.01).collect();
    let floats = values(outputs * inputs);
    [
        Int4Weights::pack(outputs, inputs, BLOCK, &codes, &scales).map(Weights::Int4),
        Int8Weights::quantize(outputs, inputs, &floats).map(Weights::Int8),
        F32Weights::pack(outputs, inputs, &floats).map(Weights::F32),
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
fn attention(tokens: usize, time: Duration) -> f64 {
    let heads = Heads { count: 12, width: 32 };
    let width = heads.count * heads.width;
    let x = values(tokens * 3 * width);
    let rows = [0, 1, 2].map(|part| Rows { values: &x, stride: 3 * width, start: part * width });
    let attention = Attention::new(tokens, heads, rows, 0.2).expect("sizes fit");
    let (mut scratch, mut out) = (AttentionScratch::default(), vec![0.0; tokens * width]);
    best(time, (2 * tokens * tokens * width) as f64, || {
        attention.compute(&mut scratch, black_box(&mut out));
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

/// What no product can pass on x86-64, where two ports multiply and three add: dot products between registers that
/// wait for nothing, and what each kernel's instructions make of their speed.
#[cfg(target_feature = "relaxed-simd")]
mod limit {
    use core::arch::wasm32::*;
    use std::time::Duration;

    use super::{best, black_box};

    /// More than enough for two ports and a latency of five cycles.
    const CHAINS: usize = 12;
    const TURNS: usize = 100_000;
    const STEPS: usize = 16;

    pub(super) fn print(time: Duration) {
        let dots = best(time, (CHAINS * TURNS * STEPS) as f64, chains);
        // A block's 128 products with 4 bits take 11 instructions of the two ports, and 8 of any; with
        // 8 bits 20 of the two, and 8; in f32, 32 of the two.
        let four = 128.0 * dots * 1.5 / 19.0;
        println!("{:>16} {four:>8.1} {:>8.1} {:>8.1}  at most", "", 6.4 * dots, 4.0 * dots);
    }

    fn chains() {
        let b = black_box(i8x16_splat(5));
        let mut sums = [black_box(i8x16_splat(3)); CHAINS];
        for _ in 0..TURNS {
            for _ in 0..STEPS {
                sums = sums.map(|sum| i16x8_relaxed_dot_i8x16_i7x16(sum, b));
            }
        }
        black_box(sums);
    }
}
