//! Weights of 8 bits and activations of 7 bits, both in blocks of 32.

mod rows;

#[cfg(target_feature = "simd128")]
pub(crate) use rows::LARGEST as LARGEST_CODE;
pub(crate) use rows::RowBlock;

use std::ops::Range;

use crate::blocks::{Codes, DEPTH, Grid, QUAD, RowBlocks, STEP, STEPS, with_whole};
use crate::epilogue::PANEL;
use crate::error::{Error, check_length, checked_area};
use crate::tile::{Product, Sums, Tiles};

/// What the largest weight of a column's block may become: the one that leaves the least error is
/// taken, and weights that come from few levels have one that leaves none.
const LARGEST: std::ops::RangeInclusive<u8> = 112..=127;

/// Weights `[N, K]` of signed 8 bits, `code · scale`, with a scale for each 32 inputs of an output.
#[derive(Debug, Clone)]
pub struct Int8Weights {
    grid: Grid,
    /// `[quads, blocks]`.
    blocks: Vec<WeightBlock>,
}

/// Four columns of a block.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(8))]
pub(crate) struct WeightBlock {
    pub(crate) codes: Codes<i8>,
    pub(crate) scales: [f32; QUAD],
    /// Sums of the codes: what a row's zero point is multiplied with.
    pub(crate) totals: [i16; QUAD],
}

impl WeightBlock {
    pub(crate) const EMPTY: Self =
        Self { codes: Codes([[0; QUAD * STEP]; STEPS]), scales: [0.0; QUAD], totals: [0; QUAD] };

    /// Sets one of the four columns, symmetrically, at the scale with the least squared error.
    fn quantise(&mut self, column: usize, weights: &[f32; DEPTH]) {
        let largest = weights.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        // A scale of zero has only zero weights: the quotient is NaN, and becomes 0.
        let codes = |scale: f32| weights.map(|weight| (weight / scale).round() as i8);
        let error = |scale: f32| -> f32 {
            let codes = codes(scale).map(|code| f32::from(code) * scale);
            codes.iter().zip(weights).map(|(code, weight)| (code - weight).powi(2)).sum()
        };
        let scales = LARGEST.rev().map(|code| largest / f32::from(code));
        let scale = scales.min_by(|a, b| error(*a).total_cmp(&error(*b))).unwrap_or_default();
        self.set(column, scale, &codes(scale));
    }

    pub(crate) fn set(&mut self, column: usize, scale: f32, codes: &[i8; DEPTH]) {
        self.scales[column] = scale;
        self.totals[column] = codes.iter().map(|&code| i16::from(code)).sum();
        for (codes, step) in codes.as_chunks::<STEP>().0.iter().zip(&mut self.codes.0) {
            step[column * STEP..][..STEP].copy_from_slice(codes);
        }
    }
}

impl Int8Weights {
    /// Quantises f32 weights `[outputs, inputs]`.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::Size`], and [`Error::NotFinite`] for weights.
    pub fn quantise(outputs: usize, inputs: usize, weights: &[f32]) -> Result<Self, Error> {
        check_length("weights", checked_area(outputs, inputs)?, weights.len())?;
        if !weights.iter().all(|weight| weight.is_finite()) {
            return Err(Error::NotFinite("weights"));
        }
        let grid = Grid { outputs, inputs, width: QUAD };
        let mut blocks = vec![WeightBlock::EMPTY; outputs.div_ceil(QUAD) * grid.blocks()];
        for output in 0..outputs {
            let row = &weights[output * inputs..][..inputs];
            for index in 0..grid.blocks() {
                let block = &mut blocks[output / QUAD * grid.blocks() + index];
                with_whole(&row[grid.range(index)], |row| block.quantise(output % QUAD, row));
            }
        }
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
pub(crate) struct Int8Scratch {
    rows: RowBlocks<RowBlock>,
}

/// A product with weights of 8 bits.
pub(crate) struct Int8Product<'a> {
    weights: &'a Int8Weights,
    scratch: &'a mut Int8Scratch,
    panel: usize,
}

impl<'a> Int8Product<'a> {
    pub(crate) fn new(weights: &'a Int8Weights, scratch: &'a mut Int8Scratch) -> Self {
        Self { weights, scratch, panel: 0 }
    }
}

impl Product for Int8Product<'_> {
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
        let (inputs, grid) = (self.inputs(), self.weights.grid);
        self.scratch.rows.fill(tiles, grid.blocks(), RowBlock::ZEROS, |row, block, out| {
            with_whole(&x[row * inputs..][grid.range(block)], |x| out.quantise(x));
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

/// Adds the products of a tile, `[blocks, rows]`, with a quad, `[blocks]`, to the sums of four
/// columns from `column` on.
fn add(x: &[RowBlock], rows: usize, weights: &[WeightBlock], column: usize, sums: &mut Sums) {
    #[cfg(target_feature = "simd128")]
    crate::simd::int8::add(x, rows, weights, column, sums);
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
            let mut dots = [0; QUAD];
            for (x, weights) in x.codes.0.iter().zip(weights.codes.0) {
                for (place, weight) in weights.into_iter().enumerate() {
                    dots[place / STEP] += i32::from(weight) * i32::from(x[place]);
                }
            }
            let sums = &mut sums[column..];
            for (column, (sum, dot)) in sums.iter_mut().zip(dots).enumerate() {
                let total = f32::from(weights.totals[column]) * weights.scales[column];
                let value = x.offset[0] * total + dot as f32 * weights.scales[column];
                *sum += value * x.scale[0];
            }
        }
    }
}
