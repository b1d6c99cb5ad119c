//! Attention of one sequence: `softmax(Q · Kᵀ · scale + mask) · V` for each head.
//!
//! Both products are the kernel of [`crate::float`]: keys and values of a head are packed like weights, up to eight
//! queries are a tile of rows. Scores lie in blocks like the rows of a product, since the second one reads them.

mod pack;
mod softmax;

use std::ops::Range;

use crate::blocks::DEPTH;
use crate::epilogue::PANEL;
use crate::float::{self, RowBlock, WIDTH, WeightBlock};
use crate::lanes::Lanes;
use crate::tile::{ROWS, Sums, Tiles};

/// Sizes of an attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Heads {
    /// How many there are.
    pub count: usize,
    /// Columns of each.
    pub width: usize,
}

/// `Q`, `K` or `V`, all heads side by side, inside a wider matrix.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// The matrix.
    pub values: &'a [f32],
    /// Its columns.
    pub stride: usize,
    /// The column of it that the first head begins at.
    pub start: usize,
}

/// What attention is computed of.
#[derive(Debug, Clone, Copy)]
pub struct Attention<'a> {
    tokens: usize,
    heads: Heads,
    query: Rows<'a>,
    key: Rows<'a>,
    value: Rows<'a>,
    scale: f32,
    mask: Option<Mask<'a>>,
}

/// Summands of the scores, the same for all heads.
#[derive(Debug, Clone, Copy)]
struct Mask<'a> {
    values: &'a [f32],
    /// From the row of one query to the next; 0 where all have the same.
    stride: usize,
}

/// Memory that attention works in, kept between calls.
#[derive(Debug, Clone, Default)]
pub struct AttentionScratch {
    /// Eight keys for each column of the head: `[keys / 8, columns / 32]`.
    keys: Vec<WeightBlock>,
    /// Eight columns of `V` for each key: `[columns / 8, keys / 32]`.
    values: Vec<WeightBlock>,
    /// Of a tile: `[columns / 32, rows]`.
    queries: Vec<RowBlock>,
    /// Of a tile: `[keys / 32, rows]`.
    scores: Vec<RowBlock>,
}

impl<'a> Attention<'a> {
    /// `None` where a matrix is too small for `tokens` rows of all heads.
    pub fn new(
        tokens: usize,
        heads: Heads,
        [query, key, value]: [Rows<'a>; 3],
        scale: f32,
    ) -> Option<Self> {
        let width = heads.count.checked_mul(heads.width).filter(|width| *width > 0)?;
        let fits = |rows: &Rows<'_>| {
            rows.start.checked_add(width).is_some_and(|end| end <= rows.stride)
                && tokens.checked_mul(rows.stride).is_some_and(|len| len <= rows.values.len())
        };
        let all = [query, key, value];
        all.iter().all(fits).then_some(Self { tokens, heads, query, key, value, scale, mask: None })
    }

    /// Adds `mask`, `[tokens]` or `[tokens, tokens]`, to the scores of each head; `None` where it
    /// has another size.
    pub fn masked(self, mask: &'a [f32]) -> Option<Self> {
        let stride = match mask.len() {
            len if len == self.tokens => 0,
            len if Some(len) == self.tokens.checked_mul(self.tokens) => self.tokens,
            _ => return None,
        };
        Some(Self { mask: Some(Mask { values: mask, stride }), ..self })
    }

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
        float::add(x, rows, weights, column, sums);
    }
}

/// Multiplies `x` with `factor`; its length is a multiple of 4 and known, or loops would be slow.
#[inline(always)]
fn scale<const N: usize>(x: &[f32; N], factor: f32, out: &mut [f32; N]) {
    for (out, x) in out.as_chunks_mut::<4>().0.iter_mut().zip(x.as_chunks::<4>().0) {
        Lanes::load(x).mul(Lanes::splat(factor)).store(out);
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
