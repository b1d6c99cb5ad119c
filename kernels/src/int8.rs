//! Weights of 8 bits with a scale for each output, activations of 7 bits with a scale for each row.

mod rows;

pub(crate) use rows::RowScale;
#[cfg(target_feature = "simd128")]
pub(crate) use rows::{LARGEST as LARGEST_CODE, Range as ValueRange};

use std::ops::Range;

use crate::blocks::{Codes, Grid, QUAD, RowBlocks, STEP, STEPS, with_whole};
use crate::epilogue::PANEL;
use crate::error::{Error, check_length, checked_area};
use crate::tile::{Product, Sums, Tiles};

/// The largest number of inputs whose sums fit in 32 bits.
const MOST_INPUTS: usize = 1 << 17;

/// The largest code of a weight that [`Int8Weights::quantise`] makes.
const LARGEST: f32 = 127.0;

/// Weights `[N, K]` of signed 8 bits, `code · scale`, with a scale for each output.
#[derive(Debug, Clone)]
pub struct Int8Weights {
    grid: Grid,
    /// `[quads, blocks]`.
    blocks: Vec<Codes<i8>>,
    /// By panels.
    columns: Vec<PanelScale>,
}

/// What the columns of a panel need when their sums are complete.
#[derive(Debug, Clone, Copy, Default)]
struct PanelScale {
    scales: [f32; PANEL],
    /// Sum of each column's codes.
    totals: [i32; PANEL],
}

impl Int8Weights {
    /// Packs `[outputs, inputs]` codes with a scale for each output.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::Size`] (from 131,073 inputs on, sums would not fit 32 bits),
    /// and [`Error::NotFinite`] for scales.
    pub fn pack(
        outputs: usize,
        inputs: usize,
        codes: &[i8],
        scales: &[f32],
    ) -> Result<Self, Error> {
        check_length("codes", checked_area(outputs, inputs)?, codes.len())?;
        check_length("scales", outputs, scales.len())?;
        if inputs > MOST_INPUTS {
            return Err(Error::Size);
        }
        if !scales.iter().all(|scale| scale.is_finite()) {
            return Err(Error::NotFinite("scales"));
        }
        let grid = Grid { outputs, inputs, width: QUAD };
        let mut columns = vec![PanelScale::default(); outputs.div_ceil(PANEL)];
        for (output, &scale) in scales.iter().enumerate() {
            let column = &mut columns[output / PANEL];
            column.scales[output % PANEL] = scale;
            let codes = &codes[output * inputs..][..inputs];
            column.totals[output % PANEL] = codes.iter().map(|&code| i32::from(code)).sum();
        }
        let empty = Codes([[0; QUAD * STEP]; STEPS]);
        let blocks = grid.pack(empty, |block: &mut Codes<i8>, column, input, index| {
            block.0[input / STEP][column * STEP + input % STEP] = codes[index];
        });
        Ok(Self { grid, blocks, columns })
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
        size_of_val(&*self.blocks) + size_of_val(&*self.columns)
    }
}

/// Memory that products reuse.
#[derive(Debug, Default)]
pub(crate) struct Int8Scratch {
    codes: RowBlocks<Codes<u8>>,
    scales: Vec<RowScale>,
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
    type Sum = i32;

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
        let Int8Scratch { codes, scales } = &mut *self.scratch;
        scales.clear();
        scales.extend((0..tiles.rows).map(|row| RowScale::of(&x[row * inputs..][..inputs])));
        let empty = Codes([[0; QUAD * STEP]; STEPS]);
        codes.fill(tiles, grid.blocks(), empty, |row, block, out| {
            let x = &x[row * inputs..][grid.range(block)];
            with_whole(x, |x| scales[row].quantise(x, out));
        });
    }

    fn open(&mut self, panel: usize) {
        self.panel = panel;
    }

    fn add(&self, rows: Range<usize>, blocks: Range<usize>, sums: &mut Sums<i32>) {
        let grid = self.weights.grid;
        let x = self.scratch.codes.tile(&rows, grid.blocks(), &blocks);
        let panel = grid.panel(&self.weights.blocks, self.panel);
        for (column, weights) in grid.columns(panel, blocks) {
            add(x, rows.len(), weights, column, sums);
        }
    }

    fn finish(&self, row: usize, sums: &[i32; PANEL]) -> [f32; PANEL] {
        let columns = &self.weights.columns[self.panel];
        let RowScale { scale, zero_point } = self.scratch.scales[row];
        std::array::from_fn(|column| {
            let sum = sums[column].wrapping_sub(zero_point.wrapping_mul(columns.totals[column]));
            sum as f32 * (scale * columns.scales[column])
        })
    }
}

/// Adds the products of a tile, `[blocks, rows]`, with a quad, `[blocks]`, to the sums of four
/// columns from `column` on.
fn add(x: &[Codes<u8>], rows: usize, weights: &[Codes<i8>], column: usize, sums: &mut Sums<i32>) {
    #[cfg(target_feature = "simd128")]
    crate::simd::int8::add(x, rows, weights, column, sums);
    #[cfg(not(target_feature = "simd128"))]
    add_reference(x, rows, weights, column, sums);
}

/// The same without SIMD.
#[cfg(any(test, not(target_feature = "simd128")))]
pub(crate) fn add_reference(
    x: &[Codes<u8>],
    rows: usize,
    weights: &[Codes<i8>],
    column: usize,
    sums: &mut Sums<i32>,
) {
    for (x, weights) in x.chunks_exact(rows).zip(weights) {
        for (x, sums) in x.iter().zip(&mut sums.0) {
            for (x, weights) in x.0.iter().zip(weights.0) {
                for (place, weight) in weights.into_iter().enumerate() {
                    sums[column + place / STEP] += i32::from(weight) * i32::from(x[place]);
                }
            }
        }
    }
}
