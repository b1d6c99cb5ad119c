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
        let ports = model.signature().inputs.iter();
        let inputs = ports.map(|port| sample(port, rows, buffers)).collect::<Option<Vec<_>>>();
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

/// Rows of small numbers, which are indices in any table, different for each number in `rows`.
fn sample(port: &Port, rows: &[u32], buffers: &Buffers) -> Option<Tensor> {
    let dimensions = port.dimensions.as_ref()?;
    let size = |dimension: &Dimension| match dimension {
        Dimension::Fixed(size) => *size,
        Dimension::Named(_) | Dimension::Any => SIZE,
    };
    let inner: Vec<u32> = dimensions.iter().skip(1).map(size).collect();
    let volume: u32 = inner.iter().try_fold(1u32, |volume, size| volume.checked_mul(*size))?;
    let mut bytes = Vec::new();
    for row in rows {
        // The first row is 1, 0, 1, …; the second is 1, 1, 0, ….
        let value = |place: u32| (place + row * place.div_ceil(2)).is_multiple_of(2);
        (0..volume).for_each(|place| push(&mut bytes, port.element, value(place)));
    }
    let sizes: Vec<u32> = [rows.len() as u32].into_iter().chain(inner).collect();
    Tensor::copied(buffers, port.element, &sizes, &bytes).ok()
}

/// Appends 1 or 0.
fn push(bytes: &mut Vec<u8>, element: Element, one: bool) {
    match element {
        Element::F32 => bytes.extend(f32::from(u8::from(one)).to_le_bytes()),
        Element::F64 => bytes.extend(f64::from(u8::from(one)).to_le_bytes()),
        Element::F16 => bytes.extend(if one { 0x3c00u16 } else { 0 }.to_le_bytes()),
        Element::Bf16 => bytes.extend(if one { 0x3f80u16 } else { 0 }.to_le_bytes()),
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
