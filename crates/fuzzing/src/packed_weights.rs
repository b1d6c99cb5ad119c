//! Files of packed weights: any bytes, as a cache may have them, are refused, or are weights that can be computed with and
//! are written again as they are.

use pilotlight_inference::PackedWeights;
use pilotlight_kernels::{Epilogue, Scratch, Weights, linear};

/// Bytes of weights that are computed with.
const MOST_BYTES: usize = 1 << 20;

/// Runs the target.
pub fn run(bytes: &[u8]) {
    let Ok(read) = PackedWeights::read(&bytes.to_vec().into()) else { return };
    let products = read.products();
    let layouts: Vec<_> =
        products.iter().map(|(name, weights)| (&name[..], weights.layout())).collect();
    let mut file = Vec::new();
    let mut pack = |place: usize| Ok(products[place].1.clone());
    PackedWeights::write(&mut file, &layouts, &mut pack).expect("memory can be written to");
    let again = PackedWeights::read(&file.into()).expect("it was written");
    assert_eq!(again.products().len(), products.len());
    for ((name, weights), (other_name, other)) in products.iter().zip(again.products()) {
        assert_eq!((name, weights.layout()), (other_name, other.layout()));
        assert_eq!(weights.as_bytes(), other.as_bytes());
        compute(weights);
    }
}

/// Whatever the numbers are, a product with them has an end.
fn compute(weights: &Weights) {
    let (inputs, outputs) = (weights.inputs(), weights.outputs());
    if weights.bytes() == 0 || weights.bytes() > MOST_BYTES {
        return;
    }
    let (x, mut out) = (vec![1.0; inputs], vec![0.0; outputs]);
    let mut scratch = Scratch::default();
    linear(&x, 1, weights, &Epilogue::default(), &mut scratch, &mut out).expect("sizes fit");
}
