//! Operands brought into the order in which products read them, and results into that of the
//! output.

use std::ops::Range;

use super::product::{STEP, Tile};
use super::{Attention, AttentionScratch, Mask, Rows};
use crate::lanes::Lanes;

impl AttentionScratch {
    pub(super) fn make_room(&mut self, tokens: usize, width: usize) {
        let (columns, rows) = (width.next_multiple_of(STEP), tokens.next_multiple_of(STEP));
        self.keys.resize(tokens.div_ceil(4) * columns, [0.0; 4]);
        self.values.resize(width.div_ceil(4) * rows, [0.0; 4]);
        for queries in &mut self.queries {
            queries.resize(columns, [0.0; 4]);
        }
        for scores in &mut self.scores {
            scores.resize(rows, [0.0; 4]);
        }
    }

    /// `K` and `V` of the head that begins at `column`.
    pub(super) fn pack_head(&mut self, attention: &Attention<'_>, column: usize) {
        let (tokens, width) = (attention.tokens, attention.heads.width);
        let columns = column..column + width;
        let tiles = self.keys.chunks_exact_mut(width.next_multiple_of(STEP));
        for (keys, first) in tiles.zip((0..tokens).step_by(4)) {
            attention.key.transposed(first..tokens.min(first + 4), columns.clone(), 1.0, keys);
        }
        let tiles = self.values.chunks_exact_mut(tokens.next_multiple_of(STEP));
        for (values, first) in tiles.zip(columns.clone().step_by(4)) {
            attention.value.columns(tokens, first..columns.end.min(first + 4), values);
        }
    }

    /// `4 · V` queries from `row` on, scaled; those after the last are zeros.
    pub(super) fn pack_queries<const V: usize>(
        &mut self,
        attention: &Attention<'_>,
        row: usize,
        column: usize,
    ) {
        let (tokens, columns) = (attention.tokens, column..column + attention.heads.width);
        for (index, queries) in self.queries[..V].iter_mut().enumerate() {
            let first = row + 4 * index;
            let rows = first.min(tokens)..tokens.min(first + 4);
            attention.query.transposed(rows, columns.clone(), attention.scale, queries);
        }
    }
}

impl Rows<'_> {
    /// Some columns of a row.
    #[inline(always)]
    fn row(&self, row: usize, columns: &Range<usize>) -> &[f32] {
        let start = row * self.stride + self.start;
        &self.values[start + columns.start..start + columns.end]
    }

    /// Up to four rows of some columns, scaled, as the columns of `out`; zeros after them.
    #[inline(always)]
    fn transposed(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
        scale: f32,
        out: &mut [[f32; 4]],
    ) {
        let (inside, padding) = out.split_at_mut(columns.len());
        padding.fill([0.0; 4]);
        let (tiles, rest) = inside.as_chunks_mut::<4>();
        let mut done = columns.start;
        if rows.len() == 4 {
            let rows: [&[[f32; 4]]; 4] = std::array::from_fn(|lane| {
                self.row(rows.start + lane, &columns).as_chunks::<4>().0
            });
            let scale = Lanes::splat(scale);
            for (tile, out) in tiles.iter_mut().enumerate() {
                let lanes = Lanes::transpose(rows.map(|row| Lanes::load(&row[tile])));
                for (lanes, out) in lanes.iter().zip(out) {
                    lanes.mul(scale).store(out);
                }
            }
            done += 4 * tiles.len();
        } else {
            tiles.as_flattened_mut().fill([0.0; 4]);
            for (lane, row) in rows.clone().enumerate() {
                let row = self.row(row, &columns);
                for (out, value) in tiles.as_flattened_mut().iter_mut().zip(row) {
                    out[lane] = value * scale;
                }
            }
            done += 4 * tiles.len();
        }
        rest.fill([0.0; 4]);
        for (lane, row) in rows.enumerate() {
            let row = self.row(row, &(done..columns.end));
            for (out, value) in rest.iter_mut().zip(row) {
                out[lane] = value * scale;
            }
        }
    }

    /// Up to four columns of all rows; zeros after them.
    #[inline(always)]
    fn columns(&self, tokens: usize, columns: Range<usize>, out: &mut [[f32; 4]]) {
        let (inside, padding) = out.split_at_mut(tokens);
        padding.fill([0.0; 4]);
        for (row, out) in inside.iter_mut().enumerate() {
            let values = self.row(row, &columns);
            match <&[f32; 4]>::try_from(values) {
                Ok(values) => *out = *values,
                Err(_) => out[..values.len()].copy_from_slice(values),
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
