//! Operands brought into the order in which products read them, and results into that of the
//! output.

use super::product::Tile;
use super::{Attention, AttentionScratch, Mask, Rows};
use crate::lanes::Lanes;

impl AttentionScratch {
    pub(super) fn make_room(&mut self, tokens: usize, width: usize) {
        self.keys.resize(tokens.div_ceil(4) * width, [0.0; 4]);
        self.values.resize(width.div_ceil(4) * tokens, [0.0; 4]);
        for queries in &mut self.queries {
            queries.resize(width, [0.0; 4]);
        }
        for scores in &mut self.scores {
            scores.resize(tokens.next_multiple_of(4), [0.0; 4]);
        }
    }

    /// `K` and `V` of the head that begins at `column`.
    pub(super) fn pack_head(&mut self, attention: &Attention<'_>, column: usize) {
        let (tokens, width) = (attention.tokens, attention.heads.width);
        for (tile, keys) in self.keys.chunks_exact_mut(width).enumerate() {
            attention.key.transposed(column, 4 * tile..tokens.min(4 * tile + 4), 1.0, keys);
        }
        for (tile, values) in self.values.chunks_exact_mut(tokens.max(1)).enumerate() {
            let (first, last) = (4 * tile, width.min(4 * tile + 4));
            for (row, value) in values.iter_mut().enumerate() {
                let columns = &attention.value.row(row)[column + first..column + last];
                value[..columns.len()].copy_from_slice(columns);
            }
        }
    }

    /// `4 · V` queries from `row` on, scaled; those after the last are zeros.
    pub(super) fn pack_queries<const V: usize>(
        &mut self,
        attention: &Attention<'_>,
        row: usize,
        column: usize,
    ) {
        let tokens = attention.tokens;
        for (index, queries) in self.queries[..V].iter_mut().enumerate() {
            let first = row + 4 * index;
            let rows = first.min(tokens)..tokens.min(first + 4);
            attention.query.transposed(column, rows, attention.scale, queries);
        }
    }
}

impl Rows<'_> {
    /// A row of all heads.
    #[inline(always)]
    fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.stride + self.start..][..self.stride - self.start]
    }

    /// Up to four rows of the head that begins at `column` as the columns of `out`.
    #[inline(always)]
    fn transposed(
        &self,
        column: usize,
        rows: std::ops::Range<usize>,
        scale: f32,
        out: &mut [[f32; 4]],
    ) {
        if rows.len() < 4 {
            out.fill([0.0; 4]);
        }
        for (lane, row) in rows.enumerate() {
            let row = &self.row(row)[column..];
            for (out, value) in out.iter_mut().zip(row) {
                out[lane] = value * scale;
            }
        }
    }
}

impl Mask<'_> {
    /// Adds it to the scores of four queries from `row` on, or of as many as there are.
    pub(super) fn add_to(&self, scores: &mut [[f32; 4]], row: usize) {
        for lane in 0..4 {
            let start = (row + lane) * self.stride;
            let Some(summands) = self.values.get(start..) else { return };
            for (scores, summand) in scores.iter_mut().zip(summands) {
                scores[lane] += summand;
            }
        }
    }
}

/// Where up to four rows of one head's results go.
pub(super) struct Target<'a> {
    /// The rows, of all heads.
    pub(super) rows: &'a mut [f32],
    pub(super) stride: usize,
    /// First column of the head.
    pub(super) first: usize,
    /// Columns of the head.
    pub(super) width: usize,
}

impl Target<'_> {
    /// Writes a tile whose first column is `column` of the head, its rows scaled.
    #[inline(always)]
    pub(super) fn write<const V: usize>(
        &mut self,
        column: usize,
        tile: &Tile<V>,
        scales: &[f32; 4],
    ) {
        let columns = self.first + column..self.first + self.width.min(column + 4 * V);
        let rows = self.rows.chunks_exact_mut(self.stride);
        for ((row, lanes), scale) in rows.zip(tile).zip(scales) {
            let scale = Lanes::splat(*scale);
            for (lanes, out) in lanes.iter().zip(row[columns.clone()].chunks_mut(4)) {
                let scaled = lanes.mul(scale);
                match <&mut [f32; 4]>::try_from(&mut *out) {
                    Ok(out) => scaled.store(out),
                    Err(_) => out.copy_from_slice(&scaled.to_array()[..out.len()]),
                }
            }
        }
    }
}
