//! Operands brought into the order in which the product reads them.

use std::f32::consts::LOG2_E;
use std::ops::Range;

use super::operands::{Attention, Mask, Rows};
use crate::blocks::float::{Pack, RowBlock};
use crate::blocks::{DEPTH, with_whole};
use crate::form::{Float, Form, Transpose};
use crate::lanes::{LANES, Lanes as _, Simd};
use crate::memory::Memory;

/// Memory that attention works in, kept between calls.
#[derive(Debug, Clone, Default)]
pub struct AttentionScratch {
    /// `WIDTH` keys for each column of the head: `[keys / WIDTH, columns / 32]`.
    pub(super) keys: Memory,
    /// `WIDTH` columns of `V` for each key: `[columns / WIDTH, keys / 32]`.
    pub(super) values: Memory,
    /// Of a tile: `[columns / 32, rows]`.
    pub(super) queries: Memory,
    /// Of a tile: `[keys / 32, rows]`.
    pub(super) scores: Memory,
    /// Of a tile.
    pub(super) sums: Memory,
}

/// A head, packed.
pub(super) struct Head<'a, T> {
    pub(super) keys: &'a [T],
    pub(super) values: &'a [T],
}

impl<'a, T: Pack> Head<'a, T> {
    /// `K` and `V` of the head that has these columns.
    #[inline(always)]
    pub(super) fn pack<S: Transpose + Form<Float, Columns = T>>(
        simd: S,
        attention: &Attention<'_>,
        columns: &Range<usize>,
        (keys, values): (&'a mut Memory, &'a mut Memory),
    ) -> Self {
        let width = S::WIDTH;
        let tokens = 0..attention.tokens;
        let keys = keys.grow::<T>(count(&tokens, width) * count(columns, DEPTH));
        let mut places = keys.iter_mut();
        for keys in parts(&tokens, width) {
            for (inputs, out) in parts(columns, DEPTH).zip(&mut places) {
                attention.key.transposed(simd, keys.clone(), inputs, out);
            }
        }
        let values = values.grow::<T>(count(columns, width) * count(&tokens, DEPTH));
        let mut places = values.iter_mut();
        for outputs in parts(columns, width) {
            for (keys, out) in parts(&tokens, DEPTH).zip(&mut places) {
                attention.value.block(keys, &outputs, width, out);
            }
        }
        Self { keys, values }
    }
}

/// Some queries of the head that has these columns, scaled.
#[inline(always)]
pub(super) fn queries<'a, S: Form<Float, Row = RowBlock>>(
    simd: S,
    attention: &Attention<'_>,
    rows: &Range<usize>,
    columns: &Range<usize>,
    memory: &'a mut Memory,
) -> &'a [RowBlock] {
    // What follows are powers of two, not of e.
    let factor = attention.scale * LOG2_E;
    let queries = memory.grow::<RowBlock>(count(columns, DEPTH) * rows.len());
    let mut places = queries.iter_mut();
    for inputs in parts(columns, DEPTH) {
        for (row, out) in rows.clone().zip(&mut places) {
            with_whole(
                attention.query.row(row, &inputs),
                #[inline(always)]
                |query| scale(simd, query, factor, &mut out.0),
            );
        }
    }
    queries
}

/// Summands of this size hide keys.
const HIDING: f32 = 1e30;

/// A row that is not there.
const NONE: [f32; DEPTH] = [0.0; DEPTH];

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
    #[inline(always)]
    fn transposed<S: Transpose>(
        &self,
        simd: S,
        rows: Range<usize>,
        columns: Range<usize>,
        out: &mut S::Columns,
    ) {
        if columns.len() < DEPTH {
            *out = Pack::ZEROS;
            for (place, row) in rows.enumerate() {
                out.set(place, self.row(row, &columns));
            }
            return;
        }
        simd.transpose(
            #[inline(always)]
            |place| match rows.clone().nth(place) {
                Some(row) => self.row(row, &columns).first_chunk().unwrap_or(&NONE),
                None => &NONE,
            },
            out,
        );
    }

    /// Some rows, at most `DEPTH`, of at most `width` columns.
    #[inline(always)]
    fn block<T: Pack>(
        &self,
        rows: Range<usize>,
        columns: &Range<usize>,
        width: usize,
        out: &mut T,
    ) {
        if rows.len() < DEPTH || columns.len() < width {
            *out = T::ZEROS;
        }
        for (input, row) in rows.enumerate() {
            out.set_input(input, self.row(row, columns));
        }
    }
}

impl Mask<'_> {
    /// Whether a query sees none of `tokens` keys.
    pub(super) fn hides_all(&self, query: usize, tokens: usize) -> bool {
        let summands = &self.values[query * self.stride..];
        summands.iter().take(tokens).all(|summand| *summand == f32::NEG_INFINITY)
    }

    /// Adds it to the scores of a query.
    #[inline(always)]
    pub(super) fn add_to<'b>(&self, scores: impl Iterator<Item = &'b mut RowBlock>, query: usize) {
        let summands = self.values[query * self.stride..].chunks(DEPTH);
        for (scores, summands) in scores.zip(summands) {
            for (score, summand) in scores.0.iter_mut().zip(summands) {
                // Where it hides a key, its size does not matter, but may be the largest there is.
                let factor = if summand.abs() < HIDING { LOG2_E } else { 1.0 };
                *score += summand * factor;
            }
        }
    }
}

/// Multiplies `x` with `factor`; its length is a multiple of `LANES` and known, or loops would be slow.
#[inline(always)]
pub(super) fn scale<S: Simd, const N: usize>(
    simd: S,
    x: &[f32; N],
    factor: f32,
    out: &mut [f32; N],
) {
    let chunks = x.as_chunks::<LANES>().0;
    for (out, x) in out.as_chunks_mut::<LANES>().0.iter_mut().zip(chunks) {
        simd.load(x).mul(simd.splat(factor)).store(out);
    }
}
