use crate::blocks::{DEPTH, QUAD, QuadCodes, STEP, STEPS};
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
    pub(crate) codes: QuadCodes,
    /// Each scale twice: for the sums of even and of odd pairs.
    pub(crate) scales: [i16; 2 * QUAD],
}

impl PackedBlock {
    const EMPTY: Self =
        Self { codes: [[0x11 * ZERO_POINT as u8; QUAD * STEP]; STEPS / 2], scales: [0; QUAD] };

    pub(crate) fn open(&self) -> OpenBlock {
        #[cfg(target_feature = "simd128")]
        return crate::simd::int4::open(self);
        #[cfg(not(target_feature = "simd128"))]
        self.open_reference()
    }

    /// The same without SIMD.
    #[cfg(any(test, not(target_feature = "simd128")))]
    pub(crate) fn open_reference(&self) -> OpenBlock {
        let low = self.codes.map(|step| step.map(|byte| (byte & 15) as i8));
        let high = self.codes.map(|step| step.map(|byte| (byte >> 4) as i8));
        let mut codes = QuadCodes([[0; QUAD * STEP]; STEPS]);
        codes.0[..STEPS / 2].copy_from_slice(&low);
        codes.0[STEPS / 2..].copy_from_slice(&high);
        let scales = std::array::from_fn(|lane| self.scales[lane / 2]);
        OpenBlock { codes, scales }
    }

    fn set(&mut self, column: usize, input: usize, code: u8) {
        let (step, byte) = (input / STEP, column * STEP + input % STEP);
        let shift = 4 * (step / (STEPS / 2));
        let byte = &mut self.codes[step % (STEPS / 2)][byte];
        *byte = *byte & !(15 << shift) | code << shift;
    }
}

impl OpenBlock {
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

    /// Number of blocks of `DEPTH` in a row.
    pub(crate) fn blocks(&self) -> usize {
        let rest = (self.inputs % self.block).div_ceil(DEPTH);
        self.inputs / self.block * self.block.div_ceil(DEPTH) + rest
    }

    fn quads(&self) -> usize {
        self.outputs.div_ceil(QUAD)
    }

    /// The inputs of each block of `DEPTH`, in order, with the given block they are of.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = (usize, std::ops::Range<usize>)> {
        (0..self.inputs).step_by(self.block).enumerate().flat_map(move |(block, start)| {
            let end = self.inputs.min(start + self.block);
            (start..end).step_by(DEPTH).map(move |from| (block, from..end.min(from + DEPTH)))
        })
    }
}

/// The packed blocks `[quads, blocks]` and the units of the columns' scales.
pub(crate) fn pack(
    layout: &Layout,
    codes: &[u8],
    scales: &[f32],
) -> (Vec<PackedBlock>, Vec<[f32; QUAD]>) {
    let mut blocks = vec![PackedBlock::EMPTY; layout.quads() * layout.blocks()];
    let mut units = vec![[0.0; QUAD]; layout.quads()];
    let given = layout.inputs.div_ceil(layout.block);
    for output in 0..layout.outputs {
        let (quad, column) = (output / QUAD, output % QUAD);
        let scales = &scales[output * given..][..given];
        let unit = scales.iter().fold(0.0f32, |most, scale| most.max(scale.abs())) / LARGEST_SCALE;
        units[quad][column] = unit;
        let codes = &codes[output * given * (layout.block / 2)..];
        let packed = &mut blocks[quad * layout.blocks()..][..layout.blocks()];
        for (packed, (block, range)) in packed.iter_mut().zip(layout.ranges()) {
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
