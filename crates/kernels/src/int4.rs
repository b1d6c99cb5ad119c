//! Weights of 4 bits in blocks.

mod layout;

use std::ops::Range;

use crate::blocks::int4::{OpenBlock, PackedBlock};
use crate::error::Error;
use crate::form::Int4;
use crate::grid::Grid;
use crate::sums::PANEL;
use crate::tile::Packed;
use layout::Layout;

/// The largest scale in units of its column.
const LARGEST_SCALE: f32 = 32767.0;

/// Weights `[N, K]` of 4 bits, `(code - 8) · scale`, with a scale for each block along K.
///
/// Scales are kept in 16 bits, as multiples of a unit that each output has for itself: a weight is off by
/// at most 2⁻¹³ of the largest scale among the blocks of its output.
#[derive(Debug, Clone)]
pub struct Int4Weights {
    layout: Layout,
    /// `[quads, blocks]`.
    blocks: Vec<PackedBlock>,
    /// The unit of each column's scales, by panels.
    units: Vec<[f32; PANEL]>,
}

impl Int4Weights {
    /// Packs `[outputs, inputs]` weights that are quantized in blocks of `block`, laid out like the
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
        let layout = Layout::new(outputs, inputs, block)?;
        layout.check(codes, scales)?;
        let units = units(&layout, scales);
        let given = layout.given();
        let blocks = layout.grid().pack(PackedBlock::ZEROS, |packed, column, output, index| {
            let range = layout.range(index);
            let scale = scales[output * given + range.start / block];
            // A unit of zero has only zero scales: the quotient is NaN, and becomes 0.
            packed.scales[column] = (scale / units[output / PANEL][output % PANEL]).round() as i16;
            let codes = &codes[output * given * (block / 2)..];
            for (place, input) in range.enumerate() {
                packed.set(column, place, codes[input / 2] >> (4 * (input % 2)) & 15);
            }
        });
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

/// The units of the columns' scales, by panels.
fn units(layout: &Layout, scales: &[f32]) -> Vec<[f32; PANEL]> {
    let mut units = vec![[0.0; PANEL]; layout.outputs.div_ceil(PANEL)];
    for output in 0..layout.outputs {
        let scales = &scales[output * layout.given()..][..layout.given()];
        let largest = scales.iter().fold(0.0f32, |most, scale| most.max(scale.abs()));
        units[output / PANEL][output % PANEL] = largest / LARGEST_SCALE;
    }
    units
}

impl Packed for Int4Weights {
    type Form = Int4;

    fn grid(&self) -> Grid {
        self.layout.grid()
    }

    fn inputs(&self) -> usize {
        self.layout.inputs
    }

    fn range(&self, block: usize) -> Range<usize> {
        self.layout.range(block)
    }

    fn panel<'a>(&'a self, panel: usize, open: &'a mut Vec<OpenBlock>) -> &'a [OpenBlock] {
        let packed = self.grid().panel(&self.blocks, panel);
        open.resize(packed.len(), OpenBlock::ZEROS);
        for (packed, open) in packed.iter().zip(open.iter_mut()) {
            #[cfg(target_feature = "simd128")]
            crate::simd::int4::open(packed, open);
            #[cfg(not(target_feature = "simd128"))]
            packed.open(open);
        }
        open
    }

    fn finish(&self, panel: usize, sums: &[f32; PANEL]) -> [f32; PANEL] {
        let units = &self.units[panel];
        std::array::from_fn(|column| sums[column] * units[column])
    }
}
