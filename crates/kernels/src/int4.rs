//! Weights of 4 bits in blocks, activations of 8 bits in blocks of 32.

mod pack;
mod rows;

pub(crate) use pack::{OpenBlock, PackedBlock};
#[cfg(target_feature = "simd128")]
pub(crate) use rows::LARGEST;
pub(crate) use rows::RowBlock;

use std::ops::Range;

use crate::blocks::{RowBlocks, with_whole};
use crate::epilogue::PANEL;
use crate::error::Error;
use crate::tile::{Product, Sums, Tiles};

/// Weights `[N, K]` of 4 bits, `(code - 8) · scale`, with a scale for each block along K.
///
/// Scales are kept in 16 bits, as multiples of a unit that each output has for itself: a weight is off by
/// at most 2⁻¹³ of the largest scale among the blocks of its output.
#[derive(Debug, Clone)]
pub struct Int4Weights {
    layout: pack::Layout,
    /// `[quads, blocks]`.
    blocks: Vec<PackedBlock>,
    /// The unit of each column's scales, by panels.
    units: Vec<[f32; PANEL]>,
}

impl Int4Weights {
    /// Packs `[outputs, inputs]` weights that are quantised in blocks of `block`, laid out like the
    /// constants of ONNX Runtime's `MatMulNBits` (com.microsoft, version 1): `codes` holds two
    /// codes in a byte, the first in its low half, each output's blocks padded to whole ones;
    /// `scales` is `[outputs, blocks]`. All zero points are 8.
    ///
    /// As outputs follow each other in both, weights that read the same input are put together by
    /// appending their constants.
    ///
    /// # Errors
    /// [`Error::Block`] unless `block` is a positive multiple of 16; [`Error::Length`],
    /// [`Error::Size`], and [`Error::NotFinite`] for scales.
    pub fn pack(
        outputs: usize,
        inputs: usize,
        block: usize,
        codes: &[u8],
        scales: &[f32],
    ) -> Result<Self, Error> {
        let layout = pack::Layout::new(outputs, inputs, block)?;
        layout.check(codes, scales)?;
        let (blocks, units) = pack::pack(&layout, codes, scales);
        Ok(Self { layout, blocks, units })
    }

    /// Number of outputs, N.
    pub fn outputs(&self) -> usize {
        self.layout.outputs
    }

    /// Number of inputs, K.
    pub fn inputs(&self) -> usize {
        self.layout.inputs
    }

    /// Bytes that the packed weights take.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.blocks) + size_of_val(&*self.units)
    }
}

/// Memory that products reuse.
#[derive(Debug, Default)]
pub(crate) struct Int4Scratch {
    rows: RowBlocks<RowBlock>,
    /// The weights of the open panel, `[quads, blocks]`.
    open: Vec<OpenBlock>,
}

/// A product with weights of 4 bits.
pub(crate) struct Int4Product<'a> {
    weights: &'a Int4Weights,
    scratch: &'a mut Int4Scratch,
    panel: usize,
}

impl<'a> Int4Product<'a> {
    pub(crate) fn new(weights: &'a Int4Weights, scratch: &'a mut Int4Scratch) -> Self {
        Self { weights, scratch, panel: 0 }
    }
}

impl Product for Int4Product<'_> {
    fn outputs(&self) -> usize {
        self.weights.outputs()
    }

    fn inputs(&self) -> usize {
        self.weights.inputs()
    }

    fn blocks(&self) -> usize {
        self.weights.layout.grid().blocks()
    }

    fn arrange(&mut self, x: &[f32], tiles: Tiles) {
        let (layout, inputs) = (&self.weights.layout, self.inputs());
        self.scratch.rows.fill(
            tiles,
            layout.grid().blocks(),
            RowBlock::ZEROS,
            |row, block, out| {
                with_whole(&x[row * inputs..][layout.range(block)], |x| out.quantise(x));
            },
        );
    }

    fn open(&mut self, index: usize) {
        self.panel = index;
        let packed = self.weights.layout.grid().panel(&self.weights.blocks, index);
        self.scratch.open.resize(packed.len(), OpenBlock::EMPTY);
        for (packed, open) in packed.iter().zip(&mut self.scratch.open) {
            packed.open(open);
        }
    }

    fn add(&self, rows: Range<usize>, blocks: Range<usize>, sums: &mut Sums) {
        let grid = self.weights.layout.grid();
        let x = self.scratch.rows.tile(&rows, grid.blocks(), &blocks);
        for (column, weights) in grid.columns(&self.scratch.open, blocks) {
            add(x, rows.len(), weights, column, sums);
        }
    }

    fn finish(&self, sums: &[f32; PANEL]) -> [f32; PANEL] {
        let units = &self.weights.units[self.panel];
        std::array::from_fn(|column| sums[column] * units[column])
    }
}

/// Adds the products of a tile, `[blocks, rows]`, with a quad, `[blocks]`, to the sums of four
/// columns from `column` on.
fn add(x: &[RowBlock], rows: usize, weights: &[OpenBlock], column: usize, sums: &mut Sums) {
    #[cfg(target_feature = "simd128")]
    crate::simd::int4::add(x, rows, weights, column, sums);
    #[cfg(not(target_feature = "simd128"))]
    add_reference(x, rows, weights, column, sums);
}

/// The same without SIMD.
#[cfg(any(test, not(target_feature = "simd128")))]
pub(crate) fn add_reference(
    x: &[RowBlock],
    rows: usize,
    weights: &[OpenBlock],
    column: usize,
    sums: &mut Sums,
) {
    for (x, weights) in x.chunks_exact(rows).zip(weights) {
        for (x, sums) in x.iter().zip(&mut sums.0) {
            for (sum, dot) in sums[column..].iter_mut().zip(weights.dots(x)) {
                *sum += dot as f32 * x.scale[0];
            }
        }
    }
}
