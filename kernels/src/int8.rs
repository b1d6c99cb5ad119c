//! Weights of 8 bits with a scale for each output, activations of 7 bits with a scale for each row.

mod rows;

pub(crate) use rows::{CodeBlock, RowScale};

use crate::blocks::{Grid, QUAD, QuadCodes, STEP};
use crate::epilogue::PANEL;
use crate::error::{Error, check_length, checked_area};
use crate::tile::{Product, ROWS, Sums};

/// The largest number of inputs whose sums fit in 32 bits.
const MOST_INPUTS: usize = 1 << 17;

/// The largest code of a weight that [`Int8Weights::quantise`] makes.
const LARGEST: f32 = 127.0;

/// Weights `[N, K]` of signed 8 bits, `code · scale`, with a scale for each output.
#[derive(Debug, Clone)]
pub struct Int8Weights {
    grid: Grid,
    /// `[quads, blocks]`.
    blocks: Vec<QuadCodes>,
    /// By quads.
    columns: Vec<QuadScale>,
}

/// What four columns need when their sums are complete.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct QuadScale {
    pub(crate) scales: [f32; QUAD],
    /// Sum of each column's codes.
    pub(crate) totals: [i32; QUAD],
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
        let grid = Grid { outputs, inputs };
        let mut columns = vec![QuadScale::default(); grid.quads()];
        for (output, &scale) in scales.iter().enumerate() {
            let column = &mut columns[output / QUAD];
            column.scales[output % QUAD] = scale;
            let codes = &codes[output * inputs..][..inputs];
            column.totals[output % QUAD] = codes.iter().map(|&code| i32::from(code)).sum();
        }
        let empty = QuadCodes([[0; QUAD * STEP]; _]);
        let blocks = grid.pack(empty, |block: &mut QuadCodes, column, input, index| {
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
    codes: Vec<CodeBlock>,
    scales: Vec<RowScale>,
}

impl Int8Scratch {
    /// The product of `x` with `weights`.
    pub(crate) fn product<'a>(
        &'a mut self,
        x: &[f32],
        weights: &'a Int8Weights,
    ) -> impl Product + 'a {
        rows::quantise(x, weights.grid, &mut self.codes, &mut self.scales);
        Int8Product { weights, codes: &self.codes, scales: &self.scales }
    }
}

struct Int8Product<'a> {
    weights: &'a Int8Weights,
    codes: &'a [CodeBlock],
    scales: &'a [RowScale],
}

impl Product for Int8Product<'_> {
    fn outputs(&self) -> usize {
        self.weights.outputs()
    }

    fn open(&mut self, _: usize) {}

    fn sums(&self, tile: usize, rows: usize, quad: usize, sums: &mut Sums) {
        let grid = self.weights.grid;
        let first = tile * ROWS;
        let scales = if grid.inputs == 0 { &[] } else { &self.scales[first..][..rows] };
        let tile = Tile {
            rows: &self.codes[first * grid.blocks()..][..rows * grid.blocks()],
            scales,
            weights: grid.quad(&self.weights.blocks, quad),
            columns: self.weights.columns[quad],
        };
        tile.sums(rows, quad % (PANEL / QUAD) * QUAD, sums);
    }
}

/// Operands of a tile.
pub(crate) struct Tile<'a> {
    /// `[blocks, rows]`.
    pub(crate) rows: &'a [CodeBlock],
    pub(crate) scales: &'a [RowScale],
    /// `[blocks]`.
    pub(crate) weights: &'a [QuadCodes],
    pub(crate) columns: QuadScale,
}

impl Tile<'_> {
    /// Puts the sums of four columns into `sums`, from `column` on.
    fn sums(&self, rows: usize, column: usize, sums: &mut Sums) {
        #[cfg(target_feature = "simd128")]
        crate::simd::int8::sums(self, rows, column, sums);
        #[cfg(not(target_feature = "simd128"))]
        self.reference(rows, column, sums);
    }

    /// The same without SIMD.
    #[cfg(any(test, not(target_feature = "simd128")))]
    pub(crate) fn reference(&self, rows: usize, column: usize, sums: &mut Sums) {
        for (row, sums) in sums.0[..rows].iter_mut().enumerate() {
            let mut dots = [0i32; QUAD];
            for (x, weights) in self.rows.chunks_exact(rows).zip(self.weights) {
                for (x, weights) in x[row].0.chunks_exact(STEP).zip(weights.0) {
                    for (dot, weights) in dots.iter_mut().zip(weights.chunks_exact(STEP)) {
                        for (&weight, &x) in weights.iter().zip(x) {
                            *dot += i32::from(weight) * i32::from(x);
                        }
                    }
                }
            }
            let row = self.scales.get(row).copied().unwrap_or_default();
            for (index, dot) in dots.iter().enumerate() {
                let exact = dot.wrapping_sub(row.zero_point * self.columns.totals[index]);
                sums[column + index] = exact as f32 * (row.scale * self.columns.scales[index]);
            }
        }
    }
}
