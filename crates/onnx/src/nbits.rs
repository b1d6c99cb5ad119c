use tract_core::internal::*;

use crate::proto::NodeProto;
use crate::shape::check_volume;

/// Weights `[N, K]` quantized in blocks along K: the constants of a `MatMulNBits` node
/// (com.microsoft, version 1).
pub(crate) struct BlockQuantized {
    rows: usize,
    columns: usize,
    bits: usize,
    block: usize,
    blocks_per_row: usize,
    /// Plain bytes, shared with the graph that they come from: copies of weights set the peak of
    /// a sandbox's memory.
    codes: Arc<Tensor>,
    scales: Vec<f32>,
    /// One for each block.
    zero_points: Vec<f32>,
}

impl BlockQuantized {
    pub(crate) fn new(node: &NodeProto, codes: Arc<Tensor>, scales: &Tensor) -> TractResult<Self> {
        let (columns, rows) = (node.size("K")?, node.size("N")?);
        let (bits, block) = (node.int_or("bits", 4), node.size("block_size")?);
        ensure!([2, 4, 8].contains(&bits), "{bits} bits are not supported");
        let bits = bits as usize;
        ensure!(
            (16..=4096).contains(&block) && block.is_power_of_two(),
            "block size {block} is not supported"
        );
        check_volume(&[rows.to_dim(), columns.to_dim()], f32::datum_type())?;
        let blocks_per_row = columns.div_ceil(block);
        let blocks = rows * blocks_per_row;
        let expected = blocks * block * bits / 8;
        let found = bytes(&codes)?.len();
        ensure!(found == expected, "{found} bytes of weights, not {expected}");
        let scales = scales.cast_to::<f32>()?;
        let scales = scales.try_as_plain_ram()?.as_slice::<f32>()?.to_vec();
        ensure!(scales.len() == blocks, "{} scales for {blocks} blocks", scales.len());
        let zero_points = vec![(1u32 << (bits - 1)) as f32; blocks];
        Ok(Self { rows, columns, bits, block, blocks_per_row, codes, scales, zero_points })
    }

    /// Replaces the default zero points (half the range) by those of the node, packed like
    /// the weights and each row padded to whole bytes, or plain floats.
    pub(crate) fn with_zero_points(mut self, zero_points: Option<&Tensor>) -> TractResult<Self> {
        let Some(zero_points) = zero_points else { return Ok(self) };
        let blocks = self.zero_points.len();
        if zero_points.datum_type() != u8::datum_type() {
            let floats = zero_points.cast_to::<f32>()?;
            let floats = floats.try_as_plain_ram()?.as_slice::<f32>()?.to_vec();
            ensure!(floats.len() == blocks, "{} zero points, not {blocks}", floats.len());
            self.zero_points = floats;
            return Ok(self);
        }
        let packed = zero_points.try_as_plain_ram()?.as_slice::<u8>()?.to_vec();
        let row_bytes = (self.blocks_per_row * self.bits).div_ceil(8);
        let expected = row_bytes * self.rows;
        ensure!(packed.len() == expected, "{} bytes of zero points, not {expected}", packed.len());
        if blocks > 0 {
            let rows = packed.chunks_exact(row_bytes);
            for (row, out) in rows.zip(self.zero_points.chunks_exact_mut(self.blocks_per_row)) {
                for (index, zero_point) in out.iter_mut().enumerate() {
                    *zero_point = f32::from(code(row, index, self.bits));
                }
            }
        }
        Ok(self)
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Block size, codes and scales of 4-bit weights whose zero points are all 8.
    pub(crate) fn plain_nibbles(&self) -> Option<(usize, &[u8], &[f32])> {
        let plain = self.bits == 4 && self.zero_points.iter().all(|point| *point == 8.0);
        Some((self.block, bytes(&self.codes).ok().filter(|_| plain)?, &self.scales))
    }

    /// Matrices of the same kind, one below the other.
    pub(crate) fn stacked(parts: &[&Self]) -> Option<Self> {
        let first = parts.first()?;
        let kind = |part: &Self| (part.columns, part.bits, part.block, part.blocks_per_row);
        if parts.iter().any(|part| kind(part) != kind(first)) {
            return None;
        }
        let codes = parts.iter().map(|part| bytes(&part.codes).ok()).collect::<Option<Vec<_>>>()?;
        Some(Self {
            rows: parts.iter().map(|part| part.rows).sum(),
            codes: Arc::new(tensor1(&codes.concat())),
            scales: parts.iter().flat_map(|part| &part.scales).copied().collect(),
            zero_points: parts.iter().flat_map(|part| &part.zero_points).copied().collect(),
            ..**first
        })
    }

    /// `(code - zero point) · scale` as f32 `[N, K]`.
    pub(crate) fn dequantize(&self) -> TractResult<Tensor> {
        let mut tensor = Tensor::zero::<f32>(&[self.rows, self.columns])?;
        if self.rows == 0 || self.columns == 0 {
            return Ok(tensor);
        }
        let block_bytes = self.block * self.bits / 8;
        let codes = bytes(&self.codes)?;
        let mut plain = tensor.try_as_plain_ram_mut()?;
        let rows = plain.as_slice_mut::<f32>()?.chunks_exact_mut(self.columns);
        for (row, weights) in rows.enumerate() {
            for (index, weights) in weights.chunks_mut(self.block).enumerate() {
                let block = row * self.blocks_per_row + index;
                let codes = &codes[block * block_bytes..][..block_bytes];
                let (scale, zero_point) = (self.scales[block], self.zero_points[block]);
                for (position, weight) in weights.iter_mut().enumerate() {
                    let code = f32::from(code(codes, position, self.bits));
                    *weight = (code - zero_point) * scale;
                }
            }
        }
        Ok(tensor)
    }
}

fn bytes(codes: &Tensor) -> TractResult<&[u8]> {
    codes.try_as_plain_ram()?.as_slice::<u8>()
}

/// The code at `index` of a little-endian sequence of `bits`-bit codes.
fn code(packed: &[u8], index: usize, bits: usize) -> u8 {
    let per_byte = 8 / bits;
    let shift = (index % per_byte) * bits;
    (packed[index / per_byte] >> shift) & (u8::MAX >> (8 - bits))
}
