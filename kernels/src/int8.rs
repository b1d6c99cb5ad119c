//! Weights of 8 bits with a scale for each output, activations of 7 bits in blocks of 32.

mod rows;

pub(crate) use rows::RowBlock;
#[cfg(target_feature = "simd128")]
pub(crate) use rows::{LARGEST as LARGEST_CODE, ZERO_POINT};

use std::ops::Range;

use crate::blocks::{Codes, Grid, QUAD, RowBlocks, STEP, STEPS, with_whole};
use crate::epilogue::PANEL;
use crate::error::{Error, check_length, checked_area};
use crate::tile::{Product, Sums, Tiles};

/// The largest code of a weight that [`Int8Weights::quantise`] makes.
const LARGEST: f32 = 127.0;

/// Weights `[N, K]` of signed 8 bits, `code · scale`, with a scale for each output.
#[derive(Debug, Clone)]
pub struct Int8Weights {
    grid: Grid,
    /// `[quads, blocks]`.
    blocks: Vec<WeightBlock>,
    /// Of each column, by panels.
    scales: Vec<[f32; PANEL]>,
}

/// Four columns of a block.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(16))]
pub(crate) struct WeightBlock {
    pub(crate) codes: Codes<i8>,
    /// What the rows' zero point makes of the codes: `-64 · Σ code`.
    pub(crate) correction: [i32; QUAD],
}

impl WeightBlock {
    pub(crate) const EMPTY: Self =
        Self { codes: Codes([[0; QUAD * STEP]; STEPS]), correction: [0; QUAD] };

    pub(crate) fn set(&mut self, column: usize, input: usize, code: i8) {
        self.codes.0[input / STEP][column * STEP + input % STEP] = code;
        self.correction[column] -= i32::from(rows::ZERO_POINT) * i32::from(code);
    }
}

impl Int8Weights {
    /// Packs `[outputs, inputs]` codes with a scale for each output.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::Size`], and [`Error::NotFinite`] for scales.
    pub fn pack(
        outputs: usize,
        inputs: usize,
        codes: &[i8],
        scales: &[f32],
    ) -> Result<Self, Error> {
        check_length("codes", checked_area(outputs, inputs)?, codes.len())?;
        check_length("scales", outputs, scales.len())?;
        if !scales.iter().all(|scale| scale.is_finite()) {
            return Err(Error::NotFinite("scales"));
        }
        let grid = Grid { outputs, inputs, width: QUAD };
        let mut panels = vec![[0.0; PANEL]; outputs.div_ceil(PANEL)];
        panels.as_flattened_mut()[..outputs].copy_from_slice(scales);
        let blocks = grid.pack(WeightBlock::EMPTY, |block, column, input, index| {
            block.set(column, input, codes[index]);
        });
        Ok(Self { grid, blocks, scales: panels })
    }

    /// Quantises f32 weights `[outputs, inputs]`, symmetrically, the largest of an output to ±127.
    ///
    /// # Errors
    /// Those of [`Int8Weights::pack`], and [`Error::NotFinite`] for weights.
    pub fn quantise(outputs: usize, inputs: usize, weights: &[f32]) -> Result<Self, Error> {
        check_length("weights", checked_area(outputs, inputs)?, weights.len())?;
        if !weights.iter().all(|weight| weight.is_finite()) {
            return Err(Error::NotFinite("weights"));
        }
        let mut codes = Vec::with_capacity(weights.len());
        let mut scales = vec![0.0; outputs];
        for (output, scale) in scales.iter_mut().enumerate() {
            let weights = &weights[output * inputs..][..inputs];
            *scale = weights.iter().fold(0.0f32, |most, x| most.max(x.abs())) / LARGEST;
            // A scale of zero has only zero weights: the quotient is NaN, and becomes 0.
            codes.extend(weights.iter().map(|weight| (weight / *scale).round() as i8));
        }
        Self::pack(outputs, inputs, &codes, &scales)
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
        size_of_val(&*self.blocks) + size_of_val(&*self.scales)
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
        let scales = &self.weights.scales[self.panel];
        std::array::from_fn(|column| sums[column] * scales[column])
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
            let mut dots = weights.correction;
            for (x, weights) in x.codes.0.iter().zip(weights.codes.0) {
                for (place, weight) in weights.into_iter().enumerate() {
                    dots[place / STEP] += i32::from(weight) * i32::from(x[place]);
                }
            }
            for (sum, dot) in sums[column..].iter_mut().zip(dots) {
                *sum += dot as f32 * x.scale[0];
            }
        }
    }
}
