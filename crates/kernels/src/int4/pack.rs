use std::ops::Range;

use crate::blocks::{Codes, DEPTH, Grid, QUAD, STEP, STEPS};
use crate::epilogue::PANEL;
use crate::error::{Error, check_length, checked_area};
#[cfg(any(test, not(target_feature = "simd128")))]
use crate::int4::RowBlock;

/// What is subtracted from a code.
pub(crate) const ZERO_POINT: i16 = 8;

/// The largest scale in units of its column.
const LARGEST_SCALE: f32 = 32767.0;

/// Four columns of a block, as they are kept: step `j` in the low halves of the `j`-th 16 bytes,
/// step `j + 4` in the high ones.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(8))]
pub(crate) struct PackedBlock {
    pub(crate) codes: [[u8; QUAD * STEP]; STEPS / 2],
    pub(crate) scales: [i16; QUAD],
}

/// Four columns of a block, as the kernel reads them.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(16))]
pub(crate) struct OpenBlock {
    pub(crate) codes: Codes<i8>,
    /// Each scale twice: for the sums of even and of odd pairs.
    pub(crate) scales: [i16; 2 * QUAD],
}

impl PackedBlock {
    const EMPTY: Self =
        Self { codes: [[0x11 * ZERO_POINT as u8; QUAD * STEP]; STEPS / 2], scales: [0; QUAD] };

    pub(crate) fn open(&self, out: &mut OpenBlock) {
        #[cfg(target_feature = "simd128")]
        crate::simd::int4::open(self, out);
        #[cfg(not(target_feature = "simd128"))]
        self.open_reference(out);
    }

    /// The same without SIMD.
    #[cfg(any(test, not(target_feature = "simd128")))]
    pub(crate) fn open_reference(&self, out: &mut OpenBlock) {
        let (low, high) = out.codes.0.split_at_mut(STEPS / 2);
        for ((packed, low), high) in self.codes.iter().zip(low).zip(high) {
            *low = packed.map(|byte| (byte & 15) as i8);
            *high = packed.map(|byte| (byte >> 4) as i8);
        }
        out.scales = std::array::from_fn(|lane| self.scales[lane / 2]);
    }

    fn set(&mut self, column: usize, input: usize, code: u8) {
        let (step, byte) = (input / STEP, column * STEP + input % STEP);
        let shift = 4 * (step / (STEPS / 2));
        let byte = &mut self.codes[step % (STEPS / 2)][byte];
        *byte = *byte & !(15 << shift) | code << shift;
    }
}

impl OpenBlock {
    pub(crate) const EMPTY: Self =
        Self { codes: Codes([[0; QUAD * STEP]; STEPS]), scales: [0; 2 * QUAD] };

    /// What a block of a row adds to the four sums, in units of the row's scale.
    #[cfg(any(test, not(target_feature = "simd128")))]
    pub(crate) fn dots(&self, x: &RowBlock) -> [i32; QUAD] {
        let correction: i32 = x.correction[..2].iter().map(|&half| i32::from(half)).sum();
        let mut sums = [correction; QUAD];
        for (step, x) in self.codes.0.iter().zip(x.codes.0.iter()) {
            for (sum, codes) in sums.iter_mut().zip(step.chunks_exact(STEP)) {
                for (&code, &x) in codes.iter().zip(x) {
                    *sum += i32::from(code) * i32::from(x);
                }
            }
        }
        std::array::from_fn(|column| sums[column] * i32::from(self.scales[2 * column]))
    }
}

/// How weights `[N, K]` in blocks of any size become blocks of `DEPTH`: each is cut into whole
/// ones, the last of which may be shorter and is padded.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) outputs: usize,
    pub(crate) inputs: usize,
    block: usize,
}

impl Layout {
    pub(crate) fn new(outputs: usize, inputs: usize, block: usize) -> Result<Self, Error> {
        if block == 0 || !block.is_multiple_of(16) {
            return Err(Error::Block(block));
        }
        let padded = inputs.checked_next_multiple_of(block).ok_or(Error::Size)?;
        // Twice, as blocks of 16 are padded to 32.
        checked_area(checked_area(outputs, padded)?, 2)?;
        Ok(Self { outputs, inputs, block })
    }

    pub(crate) fn check(&self, codes: &[u8], scales: &[f32]) -> Result<(), Error> {
        let given = self.outputs * self.inputs.div_ceil(self.block);
        check_length("scales", given, scales.len())?;
        check_length("codes", given * (self.block / 2), codes.len())?;
        if scales.iter().all(|scale| scale.is_finite()) {
            Ok(())
        } else {
            Err(Error::NotFinite("scales"))
        }
    }

    /// The blocks of `DEPTH`, as if all were whole.
    pub(crate) fn grid(&self) -> Grid {
        let rest = (self.inputs % self.block).div_ceil(DEPTH);
        let blocks = self.inputs / self.block * self.block.div_ceil(DEPTH) + rest;
        Grid { outputs: self.outputs, inputs: blocks * DEPTH, width: QUAD }
    }

    /// The inputs of a block of `DEPTH`.
    pub(crate) fn range(&self, block: usize) -> Range<usize> {
        let parts = self.block.div_ceil(DEPTH);
        let given = block / parts * self.block;
        let start = given + block % parts * DEPTH;
        start..self.inputs.min(given + self.block).min(start + DEPTH)
    }
}

/// The packed blocks `[quads, blocks]` and the units of the columns' scales.
pub(crate) fn pack(
    layout: &Layout,
    codes: &[u8],
    scales: &[f32],
) -> (Vec<PackedBlock>, Vec<[f32; PANEL]>) {
    let count = layout.grid().blocks();
    let mut blocks = vec![PackedBlock::EMPTY; layout.outputs.div_ceil(QUAD) * count];
    let mut units = vec![[0.0; PANEL]; layout.outputs.div_ceil(PANEL)];
    let given = layout.inputs.div_ceil(layout.block);
    for output in 0..layout.outputs {
        let (quad, column) = (output / QUAD, output % QUAD);
        let scales = &scales[output * given..][..given];
        let unit = scales.iter().fold(0.0f32, |most, scale| most.max(scale.abs())) / LARGEST_SCALE;
        units[output / PANEL][output % PANEL] = unit;
        let codes = &codes[output * given * (layout.block / 2)..];
        let packed = &mut blocks[quad * count..][..count];
        for (index, packed) in packed.iter_mut().enumerate() {
            let range = layout.range(index);
            let block = range.start / layout.block;
            // A unit of zero has only zero scales: the quotient is NaN, and becomes 0.
            packed.scales[column] = (scales[block] / unit).round() as i16;
            for (place, input) in range.enumerate() {
                let code = codes[input / 2] >> (4 * (input % 2)) & 15;
                packed.set(column, place, code);
            }
        }
    }
    (blocks, units)
}
