//! ONNX's `TensorProto.DataType` and tract's types of elements.

use tract_core::internal::*;

/// f32.
pub(crate) const FLOAT: i32 = 1;

/// tract's type for one of ONNX's.
pub(crate) fn datum_type(element: i32) -> Option<DatumType> {
    Some(match element {
        1 => DatumType::F32,
        2 => DatumType::U8,
        3 => DatumType::I8,
        6 => DatumType::I32,
        7 => DatumType::I64,
        9 => DatumType::Bool,
        10 => DatumType::F16,
        11 => DatumType::F64,
        _ => return None,
    })
}

/// ONNX's type for one of tract's.
pub(crate) fn element(dtype: DatumType) -> Option<i32> {
    (1..=11).find(|element| datum_type(*element) == Some(dtype))
}
