//! `linear` against products computed in f64 from what its documentation says.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use pilotlight_kernels::{
    Epilogue, F32Weights, Int4Weights, Int8Weights, Scratch, Then, Weights, gelu, linear,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// A product: sizes, input, and weights `[N, K]`.
#[derive(Debug, Clone)]
struct Case {
    rows: usize,
    outputs: usize,
    inputs: usize,
    x: Vec<f32>,
    weights: Vec<f32>,
}

impl Case {
    fn output(&self, weights: &Weights, epilogue: &Epilogue<'_>) -> Vec<f32> {
        let mut out = vec![f32::NAN; self.rows * self.outputs];
        linear(&self.x, self.rows, weights, epilogue, &mut Scratch::default(), &mut out).unwrap();
        out
    }

    /// The product with other weights or inputs, in f64.
    fn exact(&self, x: &[f64], weights: &[f64]) -> Vec<f64> {
        let mut out = Vec::new();
        for row in 0..self.rows {
            for output in 0..self.outputs {
                let x = &x[row * self.inputs..][..self.inputs];
                let weights = &weights[output * self.inputs..][..self.inputs];
                out.push(x.iter().zip(weights).map(|(x, weight)| x * weight).sum());
            }
        }
        out
    }
}

fn cases() -> impl Strategy<Value = Case> {
    (1usize..20, 1usize..40, 1usize..150).prop_flat_map(|(rows, outputs, inputs)| {
        let value = prop_oneof![8 => -3.0f32..3.0, 1 => Just(0.0f32), 1 => -300.0f32..300.0];
        (vec(value, rows * inputs), vec(-1.0f32..1.0, outputs * inputs))
            .prop_map(move |(x, weights)| Case { rows, outputs, inputs, x, weights })
    })
}

fn doubles(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&x| f64::from(x)).collect()
}

fn assert_near(found: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(*found) - expected).abs();
        assert!(error <= tolerance, "{index}: {found} instead of {expected}");
    }
}

/// The activations that blocks of `block` signed codes stand for.
fn signed_codes(x: &[f32], inputs: usize, blocks: impl Fn(usize) -> usize) -> Vec<f64> {
    let mut out = Vec::new();
    for row in x.chunks(inputs) {
        let mut start = 0;
        while start < inputs {
            let end = blocks(start).min(inputs);
            let part = &row[start..end];
            let largest = part.iter().fold(0.0f32, |most, x| most.max(x.abs()));
            let factor = if largest < 1e-30 { 0.0 } else { 127.0 / largest };
            out.extend(
                part.iter().map(|x| {
                    f64::from((x * factor).round_ties_even()) * f64::from(largest / 127.0)
                }),
            );
            start = end;
        }
    }
    out
}

/// Codes and scales as `MatMulNBits` has them, and the weights they stand for.
fn nibbles(case: &Case, block: usize, seed: u64) -> (Vec<u8>, Vec<f32>, Vec<f64>) {
    let blocks = case.inputs.div_ceil(block);
    let mut state = seed;
    let mut random = move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as u32
    };
    let codes: Vec<u8> = (0..case.outputs * blocks * block / 2).map(|_| random() as u8).collect();
    let scales: Vec<f32> =
        (0..case.outputs * blocks).map(|_| (random() % 2000) as f32 / 1000.0 - 1.0).collect();
    let mut weights = Vec::new();
    for output in 0..case.outputs {
        for input in 0..case.inputs {
            let place = output * blocks * block + input;
            let code = codes[place / 2] >> (4 * (place % 2)) & 15;
            let scale = scales[output * blocks + input / block];
            weights.push((f64::from(code) - 8.0) * f64::from(scale));
        }
    }
    (codes, scales, weights)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn f32_products_are_the_sums_of_products(case in cases()) {
        let weights = F32Weights::pack(case.outputs, case.inputs, &case.weights).unwrap();
        let found = case.output(&Weights::F32(weights), &Epilogue::default());
        let expected = case.exact(&doubles(&case.x), &doubles(&case.weights));
        assert_near(&found, &expected, 150.0 * 300.0 * 150.0 / f64::from(1 << 24));
    }

    #[test]
    fn int4_products_are_exact_but_for_the_codes_of_activations(
        case in cases(),
        block in prop_oneof![Just(16usize), Just(32), Just(48), Just(64), Just(128)],
        seed: u64,
    ) {
        let (codes, scales, weights) = nibbles(&case, block, seed);
        let packed =
            Int4Weights::pack(case.outputs, case.inputs, block, &codes, &scales).unwrap();
        let found = case.output(&Weights::Int4(packed), &Epilogue::default());
        let ends = |start: usize| (start + 32).min(start / block * block + block);
        let x = signed_codes(&case.x, case.inputs, ends);
        // Scales of 16 bits: half a unit for each product.
        let tolerance = 150.0 * 300.0 * 8.0 * 0.5 / 32767.0 + 0.05;
        assert_near(&found, &case.exact(&x, &weights), tolerance);
    }

    #[test]
    fn int8_products_are_near(case in cases()) {
        let weights = Int8Weights::quantize(case.outputs, case.inputs, &case.weights).unwrap();
        let found = case.output(&Weights::Int8(weights), &Epilogue::default());
        let largest = case.x.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        let inputs = case.inputs as f64;
        let step = f64::from(largest) * 2.0 / 127.0;
        let tolerance = inputs * (step + f64::from(largest) / 254.0) + 0.01;
        let expected = case.exact(&doubles(&case.x), &doubles(&case.weights));
        assert_near(&found, &expected, tolerance);
    }

    #[test]
    fn weights_of_4_bits_are_exact_in_8(case in cases(), seed: u64) {
        let (_, _, weights) = nibbles(&case, 32, seed);
        let narrow: Vec<f32> = weights.iter().map(|&weight| weight as f32).collect();
        let packed = Int8Weights::quantize(case.outputs, case.inputs, &narrow).unwrap();
        // A one among zeros is exact, too.
        let mut x = vec![0.0; case.rows * case.inputs];
        for (row, x) in x.chunks_mut(case.inputs).enumerate() {
            x[row * 7 % case.inputs] = 1.0;
        }
        let expected = case.exact(&doubles(&x), &weights);
        let found = Case { x, ..case }.output(&Weights::Int8(packed), &Epilogue::default());
        assert_near(&found, &expected, 1e-5);
    }

    #[test]
    fn bias_gelu_and_residual_follow(case in cases()) {
        let weights = F32Weights::pack(case.outputs, case.inputs, &case.weights).unwrap();
        let weights = Weights::F32(weights);
        let plain = case.output(&weights, &Epilogue::default());
        let bias: Vec<f32> = (0..case.outputs).map(|index| index as f32 / 8.0 - 1.0).collect();
        let biased: Vec<f32> =
            plain.iter().zip(bias.iter().cycle()).map(|(sum, bias)| sum + bias).collect();
        let epilogue = |then| Epilogue { bias: Some(&bias), then };
        prop_assert_eq!(&case.output(&weights, &epilogue(Then::Store)), &biased);
        let residual: Vec<f32> = plain.iter().rev().copied().collect();
        let added: Vec<f32> = biased.iter().zip(&residual).map(|(a, b)| a + b).collect();
        prop_assert_eq!(case.output(&weights, &epilogue(Then::Add(&residual))), added);
        let activated = case.output(&weights, &epilogue(Then::Gelu));
        for (found, x) in activated.iter().zip(&biased) {
            prop_assert!((found - gelu(*x)).abs() <= 2e-6 * x.abs().max(1.0));
        }
    }
}
