//! Products of any shape with any values: every instruction set gives the bits of scalar code, a row the same alone as among
//! others, and bytes of packed weights are weights again.

use arbitrary::Arbitrary;
use pilotlight_kernels::{
    Epilogue, F32Weights, InstructionSet, Int4Weights, Int8Weights, Nibbles, Scratch, Then,
    Weights, linear,
};

#[derive(Debug, Arbitrary)]
pub struct Input {
    rows: u8,
    outputs: u8,
    inputs: u8,
    /// Inputs of a block of weights of 4 bits, in sixteens.
    block: u8,
    gelu: bool,
    values: Vec<f32>,
    codes: Vec<u8>,
}

struct Product {
    rows: usize,
    sizes: [usize; 2],
    block: usize,
    gelu: bool,
    x: Vec<f32>,
    weights: Vec<f32>,
    codes: Vec<u8>,
    scales: Vec<f32>,
}

impl Product {
    fn new(input: &Input) -> Self {
        let rows = usize::from(input.rows % 16) + 1;
        let sizes @ [outputs, inputs] =
            [usize::from(input.outputs % 80) + 1, usize::from(input.inputs) % 200];
        let block = 16 * (usize::from(input.block % 8) + 1);
        let blocks = outputs * inputs.div_ceil(block);
        let finite: Vec<f32> =
            input.values.iter().copied().filter(|value| value.abs() < 1e18).collect();
        Self {
            rows,
            sizes,
            block,
            gelu: input.gelu,
            x: repeated(&input.values, 0.0, rows * inputs),
            weights: repeated(&finite, 0.5, outputs * inputs),
            codes: repeated(&input.codes, 0x3c, blocks * block / 2),
            scales: repeated(&finite, 0.25, blocks),
        }
    }

    fn packed(&self, set: InstructionSet) -> [Weights; 3] {
        let Self { sizes, block, codes, scales, weights, .. } = self;
        let nibbles = Nibbles { sizes: *sizes, block: *block, codes, scales };
        [
            Int4Weights::pack_on(set, &nibbles).map(Weights::Int4),
            Int8Weights::quantize_on(set, *sizes, weights).map(Weights::Int8),
            F32Weights::pack_on(set, *sizes, weights).map(Weights::F32),
        ]
        .map(|weights| weights.expect("sizes fit"))
    }

    fn output(&self, weights: &Weights, x: &[f32], rows: usize) -> Vec<f32> {
        let then = if self.gelu { Then::Gelu } else { Then::Store };
        let epilogue = Epilogue { bias: None, then };
        let mut out = vec![0.0; rows * self.sizes[0]];
        linear(x, rows, weights, &epilogue, &mut Scratch::default(), &mut out).expect("sizes fit");
        out
    }
}

/// As many values as are wanted.
fn repeated<T: Copy>(values: &[T], other: T, count: usize) -> Vec<T> {
    values.iter().copied().chain([other]).cycle().take(count).collect()
}

/// The same number, or neither is one.
fn same(a: &[f32], b: &[f32]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan())
}

/// Runs the target.
pub fn run(input: Input) {
    let product = Product::new(&input);
    let reference = product.packed(InstructionSet::ALL[0]);
    let expected = reference.map(|weights| product.output(&weights, &product.x, product.rows));
    for set in InstructionSet::ALL.iter().copied().filter(|set| set.is_available()) {
        for (weights, expected) in product.packed(set).iter().zip(&expected) {
            assert!(same(&product.output(weights, &product.x, product.rows), expected), "{set}");
            let first = &product.x[..product.sizes[1]];
            assert!(same(&product.output(weights, first, 1), expected), "{set}, one row");
            let again = Weights::from_bytes(weights.layout(), weights.as_bytes());
            assert_eq!(again.expect("its own bytes").as_bytes(), weights.as_bytes());
        }
    }
}
