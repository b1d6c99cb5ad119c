//! Weights and activations of f32.

use std::ops::Range;

use crate::blocks::{DEPTH, Grid, RowBlocks, with_whole};
use crate::epilogue::PANEL;
use crate::error::{Error, check_length, checked_area};
use crate::tile::{Product, Sums, Tiles};

/// Columns that the kernel computes at once.
pub(crate) const WIDTH: usize = 8;

/// A block of weights: for each input, `WIDTH` columns.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(16))]
pub(crate) struct WeightBlock(pub(crate) [[f32; WIDTH]; DEPTH]);

impl WeightBlock {
    pub(crate) const ZEROS: Self = Self([[0.0; WIDTH]; DEPTH]);
}

/// A block of a row.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(16))]
pub(crate) struct RowBlock(pub(crate) [f32; DEPTH]);

impl RowBlock {
    pub(crate) const ZEROS: Self = Self([0.0; DEPTH]);
}

/// Weights `[N, K]` of f32.
#[derive(Debug, Clone)]
pub struct F32Weights {
    grid: Grid,
    blocks: Vec<WeightBlock>,
}

impl F32Weights {
    /// Packs `[outputs, inputs]` weights.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::Size`].
    pub fn pack(outputs: usize, inputs: usize, weights: &[f32]) -> Result<Self, Error> {
        check_length("weights", checked_area(outputs, inputs)?, weights.len())?;
        let grid = Grid { outputs, inputs, width: WIDTH };
        let blocks =
            grid.pack(WeightBlock::ZEROS, |block: &mut WeightBlock, column, input, index| {
                block.0[input][column] = weights[index];
            });
        Ok(Self { grid, blocks })
    }

    /// Number of outputs, N.
    pub fn outputs(&self) -> usize {
        self.grid.outputs
    }

    /// Number of inputs, K.
    pub fn inputs(&self) -> usize {
        self.grid.inputs
    }

    /// Bytes that the packed weights take.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.blocks)
    }
}

/// Memory that products reuse.
#[derive(Debug, Default)]
pub(crate) struct FloatScratch {
    rows: RowBlocks<RowBlock>,
}

/// A product with weights of f32.
pub(crate) struct FloatProduct<'a> {
    weights: &'a F32Weights,
    scratch: &'a mut FloatScratch,
    panel: usize,
}

impl<'a> FloatProduct<'a> {
    pub(crate) fn new(weights: &'a F32Weights, scratch: &'a mut FloatScratch) -> Self {
        Self { weights, scratch, panel: 0 }
    }
}

impl Product for FloatProduct<'_> {
    fn outputs(&self) -> usize {
        self.weights.outputs()
    }

    fn inputs(&self) -> usize {
        self.weights.inputs()
    }

    fn blocks(&self) -> usize {
        self.weights.grid.blocks()
    }

    fn arrange(&mut self, x: &[f32], tiles: Tiles) {
        let grid = self.weights.grid;
        self.scratch.rows.fill(tiles, grid.blocks(), RowBlock::ZEROS, |row, block, out| {
            with_whole(&x[row * grid.inputs..][grid.range(block)], |x| out.0 = *x);
        });
    }

    fn open(&mut self, panel: usize) {
        self.panel = panel;
    }

    fn add(&self, rows: Range<usize>, blocks: Range<usize>, sums: &mut Sums) {
        let grid = self.weights.grid;
        let x = self.scratch.rows.tile(&rows, grid.blocks(), &blocks);
        let panel = grid.panel(&self.weights.blocks, self.panel);
        for (column, weights) in grid.columns(panel, blocks) {
            add(x, rows.len(), weights, column, sums);
        }
    }

    fn finish(&self, sums: &[f32; PANEL]) -> [f32; PANEL] {
        *sums
    }
}

/// Adds the products of a tile, `[blocks, rows]`, with weights, `[blocks]`, to the sums of `WIDTH`
/// columns from `column` on.
pub(crate) fn add(
    x: &[RowBlock],
    rows: usize,
    weights: &[WeightBlock],
    column: usize,
    sums: &mut Sums,
) {
    #[cfg(target_feature = "simd128")]
    crate::simd::float::add(x, rows, weights, column, sums);
    #[cfg(not(target_feature = "simd128"))]
    add_reference(x, rows, weights, column, sums);
}

/// The same without SIMD.
#[cfg(any(test, not(target_feature = "simd128")))]
pub(crate) fn add_reference(
    x: &[RowBlock],
    rows: usize,
    weights: &[WeightBlock],
    column: usize,
    sums: &mut Sums,
) {
    for (x, weights) in x.chunks_exact(rows).zip(weights) {
        for (x, sums) in x.iter().zip(&mut sums.0) {
            for (x, weights) in x.0.iter().zip(&weights.0) {
                for (sum, weight) in sums[column..].iter_mut().zip(weights) {
                    *sum += x * weight;
                }
            }
        }
    }
}
