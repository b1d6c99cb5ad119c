//! Outputs of ONNX Runtime and of tract, and how far they are apart.

use pilotlight_inference::{Element, Tensor};
use tract_core::internal::{DatumType, Tensor as TractTensor};

/// Computed in f32 in another order.
const TOLERANCE: f64 = 1e-4;

/// An output.
#[derive(Debug)]
pub struct Found {
    shape: Vec<usize>,
    kind: String,
    values: Vec<f64>,
}

impl Found {
    pub fn of(tensor: &Tensor) -> Self {
        let bytes = tensor.bytes();
        let values = match tensor.element() {
            Element::F32 => read(bytes, |four| f64::from(f32::from_le_bytes(four))),
            Element::U8 => bytes.iter().map(|byte| f64::from(*byte)).collect(),
            Element::I32 => read(bytes, |four| f64::from(i32::from_le_bytes(four))),
            other => panic!("an output of {other}"),
        };
        let shape = tensor.shape().sizes().iter().map(|size| *size as usize).collect();
        Self { shape, kind: tensor.element().to_string(), values }
    }

    pub fn of_tract(tensor: &TractTensor) -> Self {
        let kind = match tensor.datum_type() {
            DatumType::F32 => Element::F32,
            DatumType::U8 => Element::U8,
            DatumType::I32 => Element::I32,
            other => panic!("an output of {other:?}"),
        };
        let numbers = tensor.cast_to::<f64>().unwrap();
        let values = numbers.try_as_plain_ram().unwrap().as_slice::<f64>().unwrap().to_vec();
        Self { shape: tensor.shape().to_vec(), kind: kind.to_string(), values }
    }

    /// Where it differs from what is expected, if it does.
    pub fn difference(&self, expected: &Self) -> Option<String> {
        if (&self.shape, &self.kind) != (&expected.shape, &expected.kind) {
            return Some(format!(
                "{:?} {}, not {:?} {}",
                self.shape, self.kind, expected.shape, expected.kind
            ));
        }
        let pairs = self.values.iter().zip(&expected.values).enumerate();
        let mut far = pairs.filter(|(_, (found, expected))| {
            // Written so that what is no number is far from everything.
            let bound = TOLERANCE * expected.abs().max(1.0);
            let difference = (**found - **expected).abs();
            difference.is_nan() || difference > bound
        });
        far.next().map(|(place, (found, expected))| format!("{found}, not {expected} at {place}"))
    }
}

fn read(bytes: &[u8], number: impl Fn([u8; 4]) -> f64) -> Vec<f64> {
    bytes.chunks_exact(4).map(|four| number(four.try_into().unwrap())).collect()
}
