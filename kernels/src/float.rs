//! Weights and activations of f32.

use crate::blocks::{DEPTH, Grid, QUAD};
use crate::epilogue::PANEL;
use crate::error::{Error, check_length, checked_area};
use crate::tile::{Product, ROWS, Sums};

/// A block of a quad's weights: for each input, four columns.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(16))]
pub(crate) struct QuadFloats(pub(crate) [[f32; QUAD]; DEPTH]);

/// A block of a row.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(16))]
pub(crate) struct FloatBlock(pub(crate) [f32; DEPTH]);

/// Weights `[N, K]` of f32.
#[derive(Debug, Clone)]
pub struct F32Weights {
    grid: Grid,
    /// `[quads, blocks]`.
    blocks: Vec<QuadFloats>,
}

impl F32Weights {
    /// Packs `[outputs, inputs]` weights.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::Size`].
    pub fn pack(outputs: usize, inputs: usize, weights: &[f32]) -> Result<Self, Error> {
        check_length("weights", checked_area(outputs, inputs)?, weights.len())?;
        let grid = Grid { outputs, inputs };
        let empty = QuadFloats([[0.0; QUAD]; DEPTH]);
        let blocks = grid.pack(empty, |block: &mut QuadFloats, column, input, index| {
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
    rows: Vec<FloatBlock>,
}

impl FloatScratch {
    /// The product of `x` with `weights`.
    pub(crate) fn product<'a>(
        &'a mut self,
        x: &[f32],
        weights: &'a F32Weights,
    ) -> impl Product + 'a {
        self.arrange(x, weights.grid);
        FloatProduct { weights, rows: &self.rows }
    }

    /// Puts rows tile after tile, in each `[blocks, rows]`.
    fn arrange(&mut self, x: &[f32], grid: Grid) {
        self.rows.clear();
        if grid.inputs == 0 {
            return;
        }
        self.rows.reserve(x.len() / grid.inputs * grid.blocks());
        for tile in x.chunks(ROWS * grid.inputs) {
            for block in 0..grid.blocks() {
                for row in tile.chunks_exact(grid.inputs) {
                    let x = &row[block * DEPTH..];
                    let x = &x[..x.len().min(DEPTH)];
                    let mut padded = FloatBlock([0.0; DEPTH]);
                    padded.0[..x.len()].copy_from_slice(x);
                    self.rows.push(padded);
                }
            }
        }
    }
}

struct FloatProduct<'a> {
    weights: &'a F32Weights,
    rows: &'a [FloatBlock],
}

impl Product for FloatProduct<'_> {
    fn outputs(&self) -> usize {
        self.weights.outputs()
    }

    fn open(&mut self, _: usize) {}

    fn sums(&self, tile: usize, rows: usize, quad: usize, sums: &mut Sums) {
        let grid = self.weights.grid;
        let tile = Tile {
            rows: &self.rows[tile * ROWS * grid.blocks()..][..rows * grid.blocks()],
            weights: grid.quad(&self.weights.blocks, quad),
        };
        tile.sums(rows, quad % (PANEL / QUAD) * QUAD, sums);
    }
}

/// Operands of a tile.
pub(crate) struct Tile<'a> {
    /// `[blocks, rows]`.
    pub(crate) rows: &'a [FloatBlock],
    /// `[blocks]`.
    pub(crate) weights: &'a [QuadFloats],
}

impl Tile<'_> {
    /// Puts the sums of four columns into `sums`, from `column` on.
    fn sums(&self, rows: usize, column: usize, sums: &mut Sums) {
        #[cfg(target_feature = "simd128")]
        crate::simd::float::sums(self, rows, column, sums);
        #[cfg(not(target_feature = "simd128"))]
        self.reference(rows, column, sums);
    }

    /// The same without SIMD.
    #[cfg(any(test, not(target_feature = "simd128")))]
    pub(crate) fn reference(&self, rows: usize, column: usize, sums: &mut Sums) {
        for (row, sums) in sums.0[..rows].iter_mut().enumerate() {
            let mut totals = [0.0; QUAD];
            for (x, weights) in self.rows.chunks_exact(rows).zip(self.weights) {
                for (x, weights) in x[row].0.iter().zip(weights.0) {
                    for (total, weight) in totals.iter_mut().zip(weights) {
                        *total += x * weight;
                    }
                }
            }
            sums[column..column + QUAD].copy_from_slice(&totals);
        }
    }
}
