//! Tensors as they cross the border to whatever computes.

use std::borrow::Cow;

/// The type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// 16-bit floats (IEEE 754).
    F16,
    /// 32-bit floats.
    F32,
    /// 64-bit floats.
    F64,
    /// Booleans, a byte each.
    Bool,
    /// Unsigned bytes.
    U8,
    /// Signed bytes.
    I8,
    /// 16-bit integers.
    I16,
    /// 32-bit integers.
    I32,
    /// 64-bit integers.
    I64,
}

impl Element {
    /// Each of them, with its number in ONNX's `TensorProto.DataType`, its name in the Open Inference
    /// Protocol (version 2), and its bytes.
    const TABLE: [(Self, i32, &'static str, usize); 9] = [
        (Self::F32, 1, "FP32", 4),
        (Self::U8, 2, "UINT8", 1),
        (Self::I8, 3, "INT8", 1),
        (Self::I16, 5, "INT16", 2),
        (Self::I32, 6, "INT32", 4),
        (Self::I64, 7, "INT64", 8),
        (Self::Bool, 9, "BOOL", 1),
        (Self::F16, 10, "FP16", 2),
        (Self::F64, 11, "FP64", 8),
    ];

    /// By its number in ONNX's `TensorProto.DataType`.
    pub fn of_onnx(number: i32) -> Option<Self> {
        Self::TABLE.iter().find(|row| row.1 == number).map(|row| row.0)
    }

    /// By its name in the Open Inference Protocol.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::TABLE.iter().find(|row| row.2 == name).map(|row| row.0)
    }

    /// Its name in the Open Inference Protocol.
    pub fn name(self) -> &'static str {
        self.row().2
    }

    /// Bytes of one element.
    pub fn bytes(self) -> usize {
        self.row().3
    }

    fn row(self) -> &'static (Self, i32, &'static str, usize) {
        Self::TABLE.iter().find(|row| row.0 == self).unwrap_or(&Self::TABLE[0])
    }
}

/// An input or output of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// The type of its elements.
    pub element: Element,
    /// Its dimensions; `None` where any size goes.
    pub dims: Vec<Option<usize>>,
}

// Numbers are copied as they lie in memory, which is little-endian in WebAssembly.
const _: () = assert!(cfg!(target_endian = "little"), "tensors are little-endian");

/// The bytes of numbers, little-endian.
pub fn bytes_of(values: &[f32]) -> &[u8] {
    // SAFETY: the bytes are those of `values`, for as long, and any byte is a `u8`.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) }
}

/// A tensor: elements row-major, little-endian.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// The type of its elements.
    pub element: Element,
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// As many bytes as the shape asks for.
    pub bytes: Vec<u8>,
}

impl Tensor {
    /// Integers of 64 bits.
    pub fn of_i64(shape: Vec<usize>, values: impl Iterator<Item = i64>) -> Self {
        Self { element: Element::I64, shape, bytes: values.flat_map(i64::to_le_bytes).collect() }
    }

    /// Numbers of 32 bits, row by row.
    pub fn of_f32<'a>(shape: Vec<usize>, rows: impl Iterator<Item = &'a [f32]>) -> Self {
        let mut bytes = Vec::with_capacity(Self::volume(&shape).unwrap_or_default() * 4);
        rows.for_each(|row| bytes.extend_from_slice(bytes_of(row)));
        Self { element: Element::F32, shape, bytes }
    }

    /// Ones.
    pub fn ones(element: Element, shape: Vec<usize>) -> Self {
        let one: &[u8] = match element {
            Element::F16 => &[0, 0x3c],
            Element::F32 => &1f32.to_le_bytes(),
            Element::F64 => &1f64.to_le_bytes(),
            Element::Bool | Element::U8 | Element::I8 => &[1],
            Element::I16 => &1i16.to_le_bytes(),
            Element::I32 => &1i32.to_le_bytes(),
            Element::I64 => &1i64.to_le_bytes(),
        };
        let bytes = one.repeat(shape.iter().product());
        Self { element, shape, bytes }
    }

    /// The same values in elements that `wasi:nn` has: BOOL as UINT8, INT8 and INT16 as INT32.
    pub fn widened(&self) -> Cow<'_, Self> {
        let (element, bytes) = match self.element {
            Element::Bool => (Element::U8, self.bytes.clone()),
            Element::I8 => {
                let values = self.bytes.iter().map(|byte| i32::from(byte.cast_signed()));
                (Element::I32, values.flat_map(i32::to_le_bytes).collect())
            }
            Element::I16 => {
                let pairs =
                    self.bytes.chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]]));
                (Element::I32, pairs.flat_map(|value| i32::from(value).to_le_bytes()).collect())
            }
            _ => return Cow::Borrowed(self),
        };
        Cow::Owned(Self { element, shape: self.shape.clone(), bytes })
    }

    /// The values of a widened tensor as `element`; `None` if they are none. Other tensors stay as they are.
    pub fn narrowed(self, element: Element) -> Option<Self> {
        let integers = || {
            let fours = self.bytes.chunks_exact(4);
            fours.map(|four| i32::from_le_bytes([four[0], four[1], four[2], four[3]]))
        };
        let bytes = match (element, self.element) {
            (Element::Bool, Element::U8) if self.bytes.iter().all(|byte| *byte <= 1) => self.bytes,
            (Element::Bool, Element::U8) => return None,
            (Element::I8, Element::I32) => {
                let bytes = integers().map(|value| i8::try_from(value).ok().map(i8::cast_unsigned));
                bytes.collect::<Option<_>>()?
            }
            (Element::I16, Element::I32) => {
                let values = integers().map(|value| i16::try_from(value).ok());
                let values = values.collect::<Option<Vec<i16>>>()?;
                values.into_iter().flat_map(i16::to_le_bytes).collect()
            }
            _ => return Some(self),
        };
        Some(Self { element, shape: self.shape, bytes })
    }

    /// Elements that the shape asks for; `None` beyond what an address can tell.
    pub fn volume(shape: &[usize]) -> Option<usize> {
        shape.iter().try_fold(1usize, |volume, size| volume.checked_mul(*size))
    }

    /// Its elements, if they are f32.
    pub fn f32s(&self) -> Option<Vec<f32>> {
        let value = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        (self.element == Element::F32).then(|| self.bytes.chunks_exact(4).map(value).collect())
    }
}

/// Rows of scores or of vectors: f32, row-major, `[rows, columns]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    columns: usize,
    values: Vec<f32>,
}

impl Matrix {
    /// An empty matrix with so many columns.
    pub fn new(columns: usize) -> Self {
        Self { columns, values: Vec::new() }
    }

    /// A matrix of `values`, or `None` when they do not fill whole rows.
    pub fn from_values(columns: usize, values: Vec<f32>) -> Option<Self> {
        (columns > 0 && values.len().is_multiple_of(columns)).then_some(Self { columns, values })
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.values.len() / self.columns.max(1)
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The rows in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.columns.max(1))
    }

    /// Row `index`; empty if there is none.
    pub fn row(&self, index: usize) -> &[f32] {
        self.values.get(index * self.columns..(index + 1) * self.columns).unwrap_or_default()
    }

    /// All values, row by row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Appends rows `range` of `other`, which has as many columns.
    pub fn extend(&mut self, other: &Self, range: std::ops::Range<usize>) {
        let columns = self.columns;
        self.values.extend_from_slice(&other.values[range.start * columns..range.end * columns]);
    }

    /// Without the columns from `columns` on.
    pub fn truncate_columns(self, columns: usize) -> Self {
        if columns >= self.columns {
            return self;
        }
        let values = self.rows().flat_map(|row| row[..columns].iter().copied()).collect();
        Self { columns, values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_from_types_that_the_host_has() {
        let i16s: Vec<u8> =
            [i16::MIN, -1, 0, i16::MAX].iter().flat_map(|x| x.to_le_bytes()).collect();
        let cases = [
            (Element::Bool, vec![0, 1, 1, 0], Element::U8),
            (Element::I8, vec![0, 1, 127, 128], Element::I32),
            (Element::I16, i16s, Element::I32),
            (Element::U8, vec![0, 1, 127, 255], Element::U8),
            (Element::F32, 1f32.to_le_bytes().repeat(4), Element::F32),
        ];
        for (element, bytes, host) in cases {
            let tensor = Tensor { element, shape: vec![2, 2], bytes };
            let widened = tensor.widened().into_owned();
            assert_eq!((widened.element, &widened.shape), (host, &tensor.shape));
            assert_eq!(widened.bytes.len(), 4 * host.bytes());
            assert_eq!(widened.narrowed(element), Some(tensor));
        }
    }

    #[test]
    fn values_that_do_not_fit_their_type_are_told() {
        let integers = |value: i32| Tensor {
            element: Element::I32,
            shape: vec![1],
            bytes: value.to_le_bytes().to_vec(),
        };
        assert_eq!(integers(128).narrowed(Element::I8), None);
        assert_eq!(integers(-32_769).narrowed(Element::I16), None);
        assert_eq!(integers(-129).narrowed(Element::I32), Some(integers(-129)));
        let bytes = Tensor { element: Element::U8, shape: vec![1], bytes: vec![2] };
        assert_eq!(bytes.narrowed(Element::Bool), None);
    }
}
