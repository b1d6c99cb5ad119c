//! Operands brought into the order in which the product reads them.

use std::ops::Range;

use super::operands::{Attention, Mask, Rows};
use crate::blocks::float::{RowBlock, WIDTH, WeightBlock};
use crate::blocks::{DEPTH, with_whole};
use crate::lanes::Lanes;

/// Memory that attention works in, kept between calls.
#[derive(Debug, Clone, Default)]
pub struct AttentionScratch {
    /// Eight keys for each column of the head: `[keys / 8, columns / 32]`.
    pub(super) keys: Vec<WeightBlock>,
    /// Eight columns of `V` for each key: `[columns / 8, keys / 32]`.
    pub(super) values: Vec<WeightBlock>,
    /// Of a tile: `[columns / 32, rows]`.
    pub(super) queries: Vec<RowBlock>,
    /// Of a tile: `[keys / 32, rows]`.
    pub(super) scores: Vec<RowBlock>,
}

impl AttentionScratch {
    /// `K` and `V` of the head that has these columns.
    pub(super) fn pack_head(&mut self, attention: &Attention<'_>, columns: &Range<usize>) {
        let tokens = 0..attention.tokens;
        self.keys.resize(count(&tokens, WIDTH) * count(columns, DEPTH), WeightBlock::ZEROS);
        let mut places = self.keys.iter_mut();
        for keys in parts(&tokens, WIDTH) {
            for (inputs, out) in parts(columns, DEPTH).zip(&mut places) {
                attention.key.transposed(keys.clone(), inputs, out);
            }
        }
        self.values.resize(count(columns, WIDTH) * count(&tokens, DEPTH), WeightBlock::ZEROS);
        let mut places = self.values.iter_mut();
        for outputs in parts(columns, WIDTH) {
            for (keys, out) in parts(&tokens, DEPTH).zip(&mut places) {
                attention.value.block(keys, &outputs, out);
            }
        }
    }

    /// Some queries of the head, scaled.
    pub(super) fn pack_queries(
        &mut self,
        attention: &Attention<'_>,
        rows: &Range<usize>,
        columns: &Range<usize>,
    ) {
        self.queries.resize(count(columns, DEPTH) * rows.len(), RowBlock::ZEROS);
        let mut places = self.queries.iter_mut();
        for inputs in parts(columns, DEPTH) {
            for (row, out) in rows.clone().zip(&mut places) {
                with_whole(attention.query.row(row, &inputs), |query| {
                    scale(query, attention.scale, &mut out.0);
                });
            }
        }
    }
}

fn count(range: &Range<usize>, size: usize) -> usize {
    range.len().div_ceil(size)
}

/// Parts of one size; the last one may be shorter.
fn parts(range: &Range<usize>, size: usize) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range.clone().step_by(size).map(move |start| start..end.min(start + size))
}

impl Rows<'_> {
    /// Some columns of a row.
    #[inline(always)]
    fn row(&self, row: usize, columns: &Range<usize>) -> &[f32] {
        let start = row * self.stride + self.start;
        &self.values[start + columns.start..start + columns.end]
    }

    /// Some rows, at most `WIDTH`, of at most `DEPTH` columns, as the columns of a block.
    fn transposed(&self, rows: Range<usize>, columns: Range<usize>, out: &mut WeightBlock) {
        if rows.len() < WIDTH || columns.len() < DEPTH {
            *out = WeightBlock::ZEROS;
            for (place, row) in rows.enumerate() {
                for (out, value) in out.0.iter_mut().zip(self.row(row, &columns)) {
                    out[place] = *value;
                }
            }
            return;
        }
        for (half, first) in rows.step_by(4).enumerate() {
            let rows: [&[[f32; 4]]; 4] =
                std::array::from_fn(|lane| self.row(first + lane, &columns).as_chunks::<4>().0);
            for (quad, out) in out.0.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                let lanes = Lanes::transpose(rows.map(|row| Lanes::load(&row[quad])));
                for (lanes, out) in lanes.iter().zip(out) {
                    lanes.store(&mut out.as_chunks_mut::<4>().0[half]);
                }
            }
        }
    }

    /// Some rows, at most `DEPTH`, of at most `WIDTH` columns.
    fn block(&self, rows: Range<usize>, columns: &Range<usize>, out: &mut WeightBlock) {
        if rows.len() < DEPTH || columns.len() < WIDTH {
            *out = WeightBlock::ZEROS;
        }
        for (out, row) in out.0.iter_mut().zip(rows) {
            let values = self.row(row, columns);
            match <&[f32; WIDTH]>::try_from(values) {
                Ok(values) => *out = *values,
                Err(_) => out[..values.len()].copy_from_slice(values),
            }
        }
    }
}

impl Mask<'_> {
    /// Adds it to the scores of a query.
    pub(super) fn add_to<'b>(&self, scores: impl Iterator<Item = &'b mut RowBlock>, query: usize) {
        let summands = self.values[query * self.stride..].chunks(DEPTH);
        for (scores, summands) in scores.zip(summands) {
            for (score, summand) in scores.0.iter_mut().zip(summands) {
                *score += summand;
            }
        }
    }
}

/// Multiplies `x` with `factor`; its length is a multiple of 4 and known, or loops would be slow.
#[inline(always)]
pub(super) fn scale<const N: usize>(x: &[f32; N], factor: f32, out: &mut [f32; N]) {
    for (out, x) in out.as_chunks_mut::<4>().0.iter_mut().zip(x.as_chunks::<4>().0) {
        Lanes::load(x).mul(Lanes::splat(factor)).store(out);
    }
}
