//! Whether rows that are run together give what they give alone, found by trying.
//!
//! The second check: the graph's structure has to show it first. A trial alone does not see what
//! only other inputs make happen.

use crate::backend::Model;
use crate::buffer::Buffers;
use crate::error::RunError;
use crate::signature::{Dimension, Port};
use crate::tensor::{Element, Tensor};

/// Size given to dimensions that can have any.
const SIZE: u32 = 3;
/// Differences beyond this, relative to values above one, are no rounding.
const TOLERANCE: f32 = 1e-3;

/// Runs two rows that differ, alone and together. True if they gave the same, bar rounding.
///
/// # Errors
/// Why a run failed.
pub(crate) fn rows_are_independent(model: &dyn Model, buffers: &Buffers) -> Result<bool, RunError> {
    if !model.signature().stacks() {
        return Ok(false);
    }
    let run = |rows: &[u32]| {
        let ports = model.signature().inputs.iter().enumerate();
        let inputs = ports.map(|(input, port)| sample(input, port, rows, buffers));
        let inputs = inputs.collect::<Option<Vec<_>>>();
        inputs.map(|inputs| model.run(&inputs, buffers)).transpose()
    };
    let (Some(first), Some(second), Some(both)) = (run(&[0])?, run(&[1])?, run(&[0, 1])?) else {
        return Ok(false);
    };
    let mut outputs = first.iter().zip(&second).zip(&both);
    let equal = |((first, second), both): ((&Tensor, &Tensor), &Tensor)| {
        both.shape().sizes().first() == Some(&2)
            && close(&[first.bytes(), second.bytes()].concat(), both.bytes(), both.element())
    };
    Ok(both.len() == first.len() && outputs.all(equal))
}

/// Rows of pseudo-random numbers, the same each time: 0 and 1 for integers, which are indices in any
/// table, and others between 0 and 1. Two rows in succession differ.
fn sample(input: usize, port: &Port, rows: &[u32], buffers: &Buffers) -> Option<Tensor> {
    let dimensions = port.dimensions.as_ref()?;
    let size = |dimension: &Dimension| match dimension {
        Dimension::Fixed(size) => *size,
        Dimension::Named(_) | Dimension::Any => SIZE,
    };
    let inner: Vec<u32> = dimensions.iter().skip(1).map(size).collect();
    let volume: u32 = inner.iter().try_fold(1u32, |volume, size| volume.checked_mul(*size))?;
    let mut bytes = Vec::new();
    for row in rows {
        let mut random = Random(((input as u64) << 32) | u64::from(*row));
        for place in 0..volume {
            let number = random.next();
            let one = match place {
                last if last + 1 == volume => row.is_multiple_of(2),
                // So that no mask leaves out everything.
                0 => true,
                _ => number.is_multiple_of(2),
            };
            push(&mut bytes, port.element, one, number);
        }
    }
    let sizes: Vec<u32> = [rows.len() as u32].into_iter().chain(inner).collect();
    Tensor::copied(buffers, port.element, &sizes, &bytes).ok()
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Appends 1 or 0 for an integer, or a number from 0.125 to 1 made of `random`.
fn push(bytes: &mut Vec<u8>, element: Element, one: bool, random: u64) {
    // Exponent and fraction: from the bits of 0.125 to those of 1.
    let single = f32::from_bits(0x3e00_0000 + (random % 0x0180_0000) as u32);
    match element {
        Element::F32 => bytes.extend(single.to_le_bytes()),
        Element::F64 => bytes.extend(f64::from(single).to_le_bytes()),
        Element::F16 => bytes.extend((0x3000 + (random % 0x0c00) as u16).to_le_bytes()),
        Element::Bf16 => bytes.extend((0x3e00 + (random % 0x0180) as u16).to_le_bytes()),
        Element::U8 => bytes.push(one.into()),
        Element::I32 => bytes.extend(i32::from(one).to_le_bytes()),
        Element::I64 => bytes.extend(i64::from(one).to_le_bytes()),
    }
}

fn close(alone: &[u8], together: &[u8], element: Element) -> bool {
    if element != Element::F32 {
        return alone == together;
    }
    let values = |bytes: &[u8]| -> Vec<f32> {
        let value = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        bytes.chunks_exact(4).map(value).collect()
    };
    let (alone, together) = (values(alone), values(together));
    let near = |(a, b): (&f32, &f32)| (a - b).abs() <= TOLERANCE * a.abs().max(1.0);
    alone.len() == together.len() && alone.iter().zip(&together).all(near)
}
