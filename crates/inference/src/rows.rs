//! Rows of tensors: taken out, and put below each other.

use std::ops::Range;

use crate::buffer::Buffers;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// Bytes of outputs that are kept until the last rows of a call are computed.
pub(crate) const MOST_KEPT: usize = 64 << 20;

/// The first dimension of `tensor`.
pub(crate) fn count(tensor: &Tensor) -> Option<u32> {
    tensor.shape().sizes().first().copied()
}

/// The rows `range` of `tensor`.
pub(crate) fn taken(tensor: &Tensor, range: &Range<u32>, buffers: &Buffers) -> Result<Tensor> {
    let (element, rows) = (tensor.element(), range.end.saturating_sub(range.start));
    let shape = tensor.shape().with_rows(rows)?;
    let length = shape.volume() * element.size();
    let from = range.start as usize * (length / rows as usize);
    let bytes = tensor.bytes().get(from..from + length).unwrap_or_default();
    Tensor::from_buffer(element, shape, buffers.copied(bytes))
}

/// `parts` below each other, which together have `rows` rows.
pub(crate) fn stacked(
    parts: &[Tensor],
    rows: u32,
    buffers: &Buffers,
) -> std::result::Result<Tensor, String> {
    let wrong = |error: Error| error.to_string();
    let first = parts.first().ok_or("an empty batch")?;
    let shape = first.shape().with_rows(rows).map_err(wrong)?;
    let found: u64 = parts.iter().filter_map(count).map(u64::from).sum();
    let fits = |part: &Tensor| part.shape().with_rows(rows) == Ok(shape);
    if found != u64::from(rows) || !parts.iter().all(fits) {
        return Err(format!("{found} rows in {} parts where {shape} was expected", parts.len()));
    }
    let data = buffers.gathered(parts.iter().map(Tensor::bytes));
    Tensor::from_buffer(first.element(), shape, data).map_err(wrong)
}
