//! Weights of 4 bits in blocks, activations of 8 bits in blocks of 32.

mod pack;
mod rows;

pub(crate) use pack::{OpenBlock, PackedBlock};
pub(crate) use rows::RowBlock;

use crate::blocks::QUAD;
use crate::epilogue::PANEL;
use crate::error::Error;
use crate::tile::{Product, ROWS, Sums};

/// Weights `[N, K]` of 4 bits, `(code - 8) · scale`, with a scale for each block along K.
///
/// Scales are kept in 16 bits, as multiples of a unit that each output has for itself: a weight is off by
/// at most 2⁻¹³ of the largest scale among the blocks of its output.
#[derive(Debug, Clone)]
pub struct Int4Weights {
    layout: pack::Layout,
    /// `[quads, blocks]`.
    blocks: Vec<PackedBlock>,
    /// The unit of each column's scales, by quads.
    units: Vec<[f32; QUAD]>,
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
    rows: Vec<RowBlock>,
    panel: Vec<OpenBlock>,
}

impl Int4Scratch {
    /// The product of `x` with `weights`.
    pub(crate) fn product<'a>(
        &'a mut self,
        x: &[f32],
        weights: &'a Int4Weights,
    ) -> impl Product + 'a {
        rows::quantise(x, &weights.layout, &mut self.rows);
        Int4Product { weights, rows: &self.rows, panel: &mut self.panel }
    }
}

struct Int4Product<'a> {
    weights: &'a Int4Weights,
    rows: &'a [RowBlock],
    panel: &'a mut Vec<OpenBlock>,
}

impl Product for Int4Product<'_> {
    fn outputs(&self) -> usize {
        self.weights.outputs()
    }

    fn open(&mut self, panel: usize) {
        let quads = PANEL / QUAD;
        let blocks = self.weights.layout.blocks();
        let packed = &self.weights.blocks[panel * quads * blocks..];
        let packed = &packed[..packed.len().min(quads * blocks)];
        self.panel.clear();
        self.panel.extend(packed.iter().map(PackedBlock::open));
    }

    fn sums(&self, tile: usize, rows: usize, quad: usize, sums: &mut Sums) {
        let blocks = self.weights.layout.blocks();
        let place = quad % (PANEL / QUAD);
        let tile = Tile {
            rows: &self.rows[tile * ROWS * blocks..][..rows * blocks],
            weights: &self.panel[place * blocks..][..blocks],
            units: self.weights.units[quad],
        };
        tile.sums(rows, place * QUAD, sums);
    }
}

/// Operands of a tile.
pub(crate) struct Tile<'a> {
    /// `[blocks, rows]`.
    pub(crate) rows: &'a [RowBlock],
    /// `[blocks]`.
    pub(crate) weights: &'a [OpenBlock],
    /// The units of the columns' scales.
    pub(crate) units: [f32; QUAD],
}

impl Tile<'_> {
    /// Puts the sums of four columns into `sums`, from `column` on.
    fn sums(&self, rows: usize, column: usize, sums: &mut Sums) {
        #[cfg(target_feature = "simd128")]
        crate::simd::int4::sums(self, rows, column, sums);
        #[cfg(not(target_feature = "simd128"))]
        self.reference(rows, column, sums);
    }

    /// The same without SIMD.
    #[cfg(any(test, not(target_feature = "simd128")))]
    pub(crate) fn reference(&self, rows: usize, column: usize, sums: &mut Sums) {
        for (row, sums) in sums.0[..rows].iter_mut().enumerate() {
            let mut totals = [0.0; QUAD];
            for (x, weights) in self.rows.chunks_exact(rows).zip(self.weights) {
                let x = &x[row];
                for (total, sum) in totals.iter_mut().zip(weights.dots(x)) {
                    *total += sum as f32 * x.scale[0];
                }
            }
            for ((sum, total), unit) in sums[column..].iter_mut().zip(totals).zip(self.units) {
                *sum = total * unit;
            }
        }
    }
}
