//! ONNX's `TensorProto.DataType` and tract's types of elements.

use tract_core::internal::*;

/// f32.
pub(crate) const FLOAT: i32 = 1;
/// i64.
pub(crate) const INT64: i32 = 7;
/// f64.
pub(crate) const DOUBLE: i32 = 11;
/// f16.
pub(crate) const FLOAT16: i32 = 10;
/// bf16.
pub(crate) const BFLOAT16: i32 = 16;

/// Bytes of one element, where it has whole ones.
pub(crate) fn size_of(element: i32) -> Option<u64> {
    Some(match element {
        2 | 3 | 9 => 1,
        4 | 5 | FLOAT16 | BFLOAT16 => 2,
        FLOAT | 6 | 12 => 4,
        INT64 | 11 | 13 => 8,
        _ => return None,
    })
}

/// tract's type for one of ONNX's.
pub(crate) fn datum_type(element: i32) -> Option<DatumType> {
    Some(match element {
        1 => DatumType::F32,
        2 => DatumType::U8,
        3 => DatumType::I8,
        5 => DatumType::I16,
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
