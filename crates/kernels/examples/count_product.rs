//! Computes a product with int4 weights. `cargo xtask instructions` counts the instructions of `measured`.

use std::hint::black_box;

use pilotlight_kernels::{Epilogue, Error, Int4Weights, Scratch, Then, Weights, linear};

const ROWS: usize = 8;
const INPUTS: usize = 384;
const OUTPUTS: usize = 384;
const BLOCK: usize = 32;

fn main() -> Result<(), Error> {
    let codes: Vec<u8> =
        (0..OUTPUTS * INPUTS / 2).map(|index| ((index * 151) >> 3) as u8).collect();
    let scales: Vec<f32> =
        values(OUTPUTS * INPUTS / BLOCK).iter().map(|value| value * 0.01).collect();
    let weights = Weights::Int4(Int4Weights::pack(OUTPUTS, INPUTS, BLOCK, &codes, &scales)?);
    let input = values(ROWS * INPUTS);
    let mut scratch = Scratch::default();
    let mut output = vec![0.0; ROWS * OUTPUTS];
    // Allocates the scratch memory.
    product(&input, &weights, &mut scratch, &mut output)?;
    measured(&input, &weights, &mut scratch, &mut output)?;
    println!("{}", black_box(output).iter().sum::<f32>());
    Ok(())
}

/// Values in ±1 without a short period.
fn values(count: usize) -> Vec<f32> {
    (0..count).map(|index| ((index * 7919) % 2003) as f32 / 1001.5 - 1.0).collect()
}

#[inline(never)]
fn measured(
    input: &[f32],
    weights: &Weights,
    scratch: &mut Scratch,
    output: &mut [f32],
) -> Result<(), Error> {
    black_box(product(black_box(input), weights, scratch, output))
}

fn product(
    input: &[f32],
    weights: &Weights,
    scratch: &mut Scratch,
    output: &mut [f32],
) -> Result<(), Error> {
    let epilogue = Epilogue { bias: None, then: Then::Store };
    linear(input, ROWS, weights, &epilogue, scratch, output)
}
