//! Packed weights in any form, and their bytes.

use bytes::Bytes;

use crate::blocks::DEPTH;
use crate::error::{Error, check_length};
use crate::float::F32Weights;
use crate::form::{Float, Form, Int4, Int8};
use crate::grid::Grid;
use crate::instruction_set::{InstructionSet, dispatch};
use crate::int4::{Int4Weights, check_block};
use crate::int8::Int8Weights;
use crate::memory::{Constants, Memory};
use crate::sums::{PANEL, Sums};

/// Weights `[N, K]` in one of their forms.
#[derive(Debug, Clone)]
pub enum Weights {
    /// 4 bits, a scale for each block.
    Int4(Int4Weights),
    /// 8 bits, a scale for each block.
    Int8(Int8Weights),
    /// f32.
    F32(F32Weights),
}

impl Weights {
    /// Number of outputs, N.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Int4(weights) => weights.outputs(),
            Self::Int8(weights) => weights.outputs(),
            Self::F32(weights) => weights.outputs(),
        }
    }

    /// Number of inputs, K.
    pub fn inputs(&self) -> usize {
        match self {
            Self::Int4(weights) => weights.inputs(),
            Self::Int8(weights) => weights.inputs(),
            Self::F32(weights) => weights.inputs(),
        }
    }

    /// Bytes that the packed weights take.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Int4(weights) => weights.bytes(),
            Self::Int8(weights) => weights.bytes(),
            Self::F32(weights) => weights.bytes(),
        }
    }

    /// Layout of the packed weights.
    pub fn layout(&self) -> WeightsLayout {
        let (form, set, grid) = match self {
            Self::Int4(weights) => {
                (WeightsForm::Int4 { block: weights.grid.block }, weights.set, weights.grid)
            }
            Self::Int8(weights) => (WeightsForm::Int8, weights.set, weights.grid),
            Self::F32(weights) => (WeightsForm::F32, weights.set, weights.grid),
        };
        WeightsLayout { form, sizes: [grid.outputs, grid.inputs], set }
    }

    /// The packed weights as they lie in memory: blocks, and the units of 4-bit scales. Their order is that
    /// of the instruction set, and that of bytes the processor's.
    pub fn as_bytes(&self) -> [&[u8]; 2] {
        match self {
            Self::Int4(weights) => [weights.blocks.as_bytes(), weights.units.as_bytes()],
            Self::Int8(weights) => [weights.blocks.as_bytes(), &[]],
            Self::F32(weights) => [weights.blocks.as_bytes(), &[]],
        }
    }

    /// Copies what [`Self::as_bytes`] gave of weights with this layout. Any bytes of the right length are weights.
    ///
    /// # Errors
    /// [`Error::InstructionSet`] if the processor does not have the layout's; [`Error::Length`],
    /// [`Error::Size`], [`Error::Block`].
    pub fn from_bytes(layout: WeightsLayout, bytes: [&[u8]; 2]) -> Result<Self, Error> {
        Self::from_shared(layout, bytes.map(Bytes::copy_from_slice))
    }

    /// As [`Self::from_bytes`], without a copy of bytes that begin at a cache line of 64 bytes: the weights read them
    /// where they are, and keep them.
    ///
    /// # Errors
    /// Those of [`Self::from_bytes`].
    pub fn from_shared(layout: WeightsLayout, bytes: [Bytes; 2]) -> Result<Self, Error> {
        let WeightsLayout { form, set, .. } = layout;
        let (grid, lengths) = layout.measure()?;
        for (expected, bytes) in lengths.into_iter().zip(&bytes) {
            check_length("bytes of weights", expected, bytes.len())?;
        }
        let [blocks, units] = bytes.map(Constants::shared);
        Ok(match form {
            WeightsForm::Int4 { .. } => Self::Int4(Int4Weights { set, grid, blocks, units }),
            WeightsForm::Int8 => Self::Int8(Int8Weights { set, grid, blocks }),
            WeightsForm::F32 => Self::F32(F32Weights { set, grid, blocks }),
        })
    }
}

/// Layout of packed weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeightsLayout {
    /// Their form.
    pub form: WeightsForm,
    /// Outputs and inputs, N and K.
    pub sizes: [usize; 2],
    /// The instruction set that they are packed for.
    pub set: InstructionSet,
}

impl WeightsLayout {
    /// The lengths of what [`Weights::as_bytes`] gives of weights with this layout.
    ///
    /// # Errors
    /// [`Error::InstructionSet`] if the processor does not have the layout's; [`Error::Size`], [`Error::Block`].
    pub fn lengths(&self) -> Result<[usize; 2], Error> {
        Ok(self.measure()?.1)
    }

    /// The places of the weights, and the lengths of their bytes.
    fn measure(&self) -> Result<(Grid, [usize; 2]), Error> {
        let Self { form, sizes, set } = *self;
        if !set.is_available() {
            return Err(Error::InstructionSet(set.name()));
        }
        let (grid, blocks) = match form {
            WeightsForm::Int4 { block } => {
                check_block(block)?;
                dispatch!(set, simd => { blocks::<Int4, _>(simd, sizes, block) })?
            }
            WeightsForm::Int8 => dispatch!(set, simd => { blocks::<Int8, _>(simd, sizes, DEPTH) })?,
            WeightsForm::F32 => dispatch!(set, simd => { blocks::<Float, _>(simd, sizes, DEPTH) })?,
        };
        let panels = match form {
            WeightsForm::Int4 { .. } if grid.inputs > 0 => grid.outputs.div_ceil(PANEL),
            _ => 0,
        };
        Ok((grid, [blocks, panels * size_of::<Sums>()].map(Memory::padded)))
    }
}

/// A form of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightsForm {
    /// 4 bits.
    Int4 {
        /// The inputs of a block as they were given.
        block: usize,
    },
    /// 8 bits.
    Int8,
    /// f32.
    F32,
}

/// The places of blocks for an instruction set, and the bytes that they take.
fn blocks<F, S: Form<F>>(
    _simd: S,
    sizes: [usize; 2],
    block: usize,
) -> Result<(Grid, usize), Error> {
    let grid = Grid::new(sizes, block, S::WIDTH)?;
    Ok((grid, grid.count() * size_of::<S::Kept>()))
}
