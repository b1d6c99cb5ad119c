//! Attention of one sequence: `softmax(Q · Kᵀ · scale + mask) · V` for each head.
//!
//! Both products are the kernel of [`Float`]: keys and values of a head are packed like weights, up to eight
//! queries are a tile of rows. Scores lie in blocks like the rows of a product, since the second one reads them.

mod operands;
mod pack;
mod softmax;

use std::ops::Range;

use crate::blocks::DEPTH;
use crate::blocks::float::{RowBlock, WIDTH, WeightBlock};
use crate::form::{self, Float};
use crate::sums::{PANEL, ROWS, Sums};
use crate::tile::Tiles;
use pack::scale;

pub use operands::{Attention, Heads, Rows};
pub use pack::AttentionScratch;

impl Attention<'_> {
    /// Computes it into `out`, `[tokens, count · width]`; does nothing where `out` is shorter.
    pub fn compute(&self, scratch: &mut AttentionScratch, out: &mut [f32]) {
        let stride = self.heads.count * self.heads.width;
        let Some(out) = out.get_mut(..self.tokens * stride) else { return };
        for head in 0..self.heads.count {
            let columns = head * self.heads.width..(head + 1) * self.heads.width;
            scratch.pack_head(self, &columns);
            for rows in (Tiles { rows: self.tokens }).ranges() {
                self.tile(scratch, rows, &columns, out);
            }
        }
    }

    /// Some queries, at most `ROWS`, of the head whose columns are packed.
    fn tile(
        &self,
        scratch: &mut AttentionScratch,
        rows: Range<usize>,
        columns: &Range<usize>,
        out: &mut [f32],
    ) {
        scratch.pack_queries(self, &rows, columns);
        let AttentionScratch { keys, values, queries, scores } = scratch;
        let key_blocks = self.tokens.div_ceil(DEPTH);
        scores.resize(key_blocks * rows.len(), RowBlock::ZEROS);
        let mut sums = Sums::ZEROS;
        let panels = keys.chunks(PANEL / WIDTH * self.heads.width.div_ceil(DEPTH));
        for (keys, first) in panels.zip((0..).step_by(PANEL)) {
            product(queries, rows.len(), keys, &mut sums);
            let blocks = &mut scores[first / DEPTH * rows.len()..];
            for (block, sums) in blocks.iter_mut().zip(&sums.0[..rows.len()]) {
                block.0[first % DEPTH..][..PANEL].copy_from_slice(sums);
            }
        }
        let mut scales = [0.0; ROWS];
        for (index, scale) in scales[..rows.len()].iter_mut().enumerate() {
            if let Some(mask) = &self.mask {
                mask.add_to(scores[index..].iter_mut().step_by(rows.len()), rows.start + index);
            }
            *scale = 1.0 / softmax::unscaled(&mut scores[index..], rows.len(), self.tokens);
        }
        let stride = self.heads.count * self.heads.width;
        let panels = values.chunks(PANEL / WIDTH * key_blocks);
        for (values, column) in panels.zip(columns.clone().step_by(PANEL)) {
            product(scores, rows.len(), values, &mut sums);
            let place = column..columns.end.min(column + PANEL);
            for ((row, sums), scale) in rows.clone().zip(&sums.0).zip(scales) {
                store(sums, scale, &mut out[row * stride..][place.clone()]);
            }
        }
    }
}

/// Products of a tile's rows, `[blocks, rows]`, with the columns of a panel or its first half,
/// `[columns / 8, blocks]`.
fn product(x: &[RowBlock], rows: usize, weights: &[WeightBlock], sums: &mut Sums) {
    sums.0[..rows].fill([0.0; PANEL]);
    let groups = weights.chunks_exact(x.len() / rows);
    for (weights, column) in groups.zip((0..PANEL).step_by(WIDTH)) {
        form::add::<Float>(x, rows, weights, column, sums);
    }
}

/// Stores sums, scaled, as many as fit.
fn store(sums: &[f32; PANEL], factor: f32, out: &mut [f32]) {
    if let Ok(out) = out.try_into() {
        return scale(sums, factor, out);
    }
    for (out, sum) in out.iter_mut().zip(sums) {
        *out = sum * factor;
    }
}
