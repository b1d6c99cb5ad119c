//! Typed blocks of bytes, checked before anything computes with them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::buffer::{Buffer, Buffers};
use crate::error::{Error, Result};

/// Maximum number of dimensions of a tensor.
pub const MOST_DIMENSIONS: usize = 8;

/// Type of the elements of a tensor, as `wasi:nn` names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "they say it")]
pub enum Element {
    F16,
    F32,
    F64,
    Bf16,
    U8,
    I32,
    I64,
}

impl Element {
    /// Bytes of one element.
    pub const fn size(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::F16 | Self::Bf16 => 2,
            Self::F32 | Self::I32 => 4,
            Self::F64 | Self::I64 => 8,
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F16 => "f16",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Bf16 => "bf16",
            Self::U8 => "u8",
            Self::I32 => "i32",
            Self::I64 => "i64",
        })
    }
}

/// Sizes of up to [`MOST_DIMENSIONS`] dimensions, kept without an allocation.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    sizes: [u32; MOST_DIMENSIONS],
    rank: u8,
}

impl Shape {
    /// The shape with these sizes.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for too many dimensions, a dimension of zero, or more elements
    /// than an address can reach.
    pub fn new(sizes: &[u32]) -> Result<Self> {
        if sizes.len() > MOST_DIMENSIONS {
            let (rank, most) = (sizes.len(), MOST_DIMENSIONS);
            let message =
                format!("a tensor has {rank} dimensions, more than the maximum of {most}");
            return Err(Error::InvalidInput(message));
        }
        let mut shape = Self { sizes: [0; MOST_DIMENSIONS], rank: sizes.len() as u8 };
        shape.sizes[..sizes.len()].copy_from_slice(sizes);
        if sizes.contains(&0) {
            return Err(Error::InvalidInput(format!("a tensor of shape {shape} is empty")));
        }
        let volume =
            sizes.iter().try_fold(1usize, |volume, size| volume.checked_mul(*size as usize));
        match volume.filter(|volume| *volume <= isize::MAX as usize / 8) {
            Some(_) => Ok(shape),
            None => Err(Error::TooLarge(format!(
                "a tensor of shape {shape} is too large for the address space"
            ))),
        }
    }

    /// The sizes.
    pub fn sizes(&self) -> &[u32] {
        &self.sizes[..usize::from(self.rank)]
    }

    /// Number of elements.
    pub fn volume(&self) -> usize {
        self.sizes().iter().map(|size| *size as usize).product()
    }

    /// The shape with another first dimension.
    ///
    /// # Errors
    /// Those of [`Shape::new`].
    pub fn with_rows(&self, rows: u32) -> Result<Self> {
        let mut sizes = self.sizes;
        sizes[0] = rows;
        Self::new(&sizes[..usize::from(self.rank)])
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.sizes()).finish()
    }
}

/// Elements in row-major order, little-endian, in memory from a pool. Clones share it.
#[derive(Debug, Clone)]
pub struct Tensor {
    element: Element,
    shape: Shape,
    data: Buffer,
}

impl Tensor {
    /// Copies `bytes` into memory of `buffers`.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when the bytes are not as many as shape and type say, or the shape
    /// is none, and [`Error::TooLarge`].
    pub fn copied(
        buffers: &Buffers,
        element: Element,
        sizes: &[u32],
        bytes: &[u8],
    ) -> Result<Self> {
        let shape = Shape::new(sizes)?;
        let expected = shape.volume() * element.size();
        if bytes.len() != expected {
            let found = bytes.len();
            let message =
                format!("{found} bytes for a tensor {shape} of {element}, which takes {expected}");
            return Err(Error::InvalidInput(message));
        }
        Ok(Self { element, shape, data: buffers.copied(bytes) })
    }

    /// Takes over a buffer of as many bytes as shape and type say.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when it holds more or less.
    pub fn from_buffer(element: Element, shape: Shape, data: Buffer) -> Result<Self> {
        if data.len() == shape.volume() * element.size() {
            return Ok(Self { element, shape, data });
        }
        let found = data.len();
        Err(Error::InvalidInput(format!("{found} bytes for a tensor {shape} of {element}")))
    }

    /// Type of the elements.
    pub fn element(&self) -> Element {
        self.element
    }

    /// The shape.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The elements.
    pub fn bytes(&self) -> &[u8] {
        &self.data
    }

    /// The memory that the elements lie in.
    pub fn buffer(&self) -> &Buffer {
        &self.data
    }
}
