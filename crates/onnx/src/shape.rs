use tract_core::internal::*;

/// No tensor of a model that fits the sandbox is larger.
const LARGEST_TENSOR: i64 = 1 << 30;

/// Refuses a shape whose known dimensions already multiply to more than [`LARGEST_TENSOR`]
/// bytes; unknown dimensions count once.
pub(crate) fn check_volume(dims: &[TDim], dtype: DatumType) -> TractResult<()> {
    let mut bytes = dtype.size_of() as i64;
    for dim in dims {
        let Ok(dim) = dim.to_i64() else { continue };
        ensure!(dim >= 0, "shape {dims:?} has a negative dimension");
        if dim == 0 {
            return Ok(());
        }
        bytes =
            bytes.checked_mul(dim).filter(|bytes| *bytes <= LARGEST_TENSOR).with_context(|| {
                format!("shape {dims:?} of {dtype:?} exceeds {LARGEST_TENSOR} bytes")
            })?;
    }
    Ok(())
}

/// Resolves ONNX's negative axes.
pub(crate) fn resolve_axis(axis: i64, rank: usize) -> TractResult<usize> {
    let resolved = if axis < 0 { axis + rank as i64 } else { axis };
    ensure!((0..rank as i64).contains(&resolved), "axis {axis} is outside rank {rank}");
    Ok(resolved as usize)
}
