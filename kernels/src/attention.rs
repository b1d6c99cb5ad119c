//! Attention of one sequence: `softmax(Q · Kᵀ · scale + mask) · V` for each head.
//!
//! Four queries lie in the lanes of a register, so that no step reduces across one: four keys by
//! eight queries give a tile of scores, the softmax runs down its columns, and four queries by
//! eight columns of `V` give a tile of the result.

mod pack;
mod product;
mod softmax;

use pack::Target;
use product::{STEP, product};

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
    /// Four keys for each column of a head, then the next four.
    keys: Vec<[f32; 4]>,
    /// Four columns of `V` for each token, then the next four.
    values: Vec<[f32; 4]>,
    /// Four queries for each column of a head, and the next four.
    queries: [Vec<[f32; 4]>; 2],
    /// Four queries for each key, and the next four.
    scores: [Vec<[f32; 4]>; 2],
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
        scratch.make_room(self.tokens, self.heads.width);
        for head in 0..self.heads.count {
            let column = head * self.heads.width;
            scratch.pack_head(self, column);
            for row in (0..self.tokens).step_by(8) {
                let out = &mut out[row * stride..];
                match self.tokens - row {
                    1..=4 => self.block::<1>(scratch, (row, column), out),
                    _ => self.block::<2>(scratch, (row, column), out),
                }
            }
        }
    }

    /// Up to `4 · V` queries from `row` on, of the head at `column`, which is packed.
    fn block<const V: usize>(
        &self,
        scratch: &mut AttentionScratch,
        (row, column): (usize, usize),
        out: &mut [f32],
    ) {
        scratch.pack_queries::<V>(self, row, column);
        let AttentionScratch { keys, values, queries, scores } = scratch;
        let queries: [&[[f32; 4]]; V] = std::array::from_fn(|index| &queries[index][..]);
        let columns = self.heads.width.next_multiple_of(STEP);
        for (tile, keys) in keys.chunks_exact(columns).enumerate() {
            for (key, row) in product(keys, queries).iter().enumerate() {
                for (scores, lanes) in scores.iter_mut().zip(row) {
                    lanes.store(&mut scores[4 * tile + key]);
                }
            }
        }
        let stride = self.heads.count * self.heads.width;
        for (scores, (index, out)) in
            scores.iter_mut().zip(out.chunks_mut(4 * stride).enumerate().take(V))
        {
            let (inside, padding) = scores.split_at_mut(self.tokens);
            padding.fill([0.0; 4]);
            if let Some(mask) = &self.mask {
                mask.add_to(inside, row + 4 * index);
            }
            let scales = softmax::unscaled(inside).map(|sum| 1.0 / sum);
            let mut target = Target { rows: out, stride, first: column, width: self.heads.width };
            context(values, scores, &scales, &mut target);
        }
    }
}

/// Four rows of the result: `scoresᵀ · V`, scaled.
fn context(values: &[[f32; 4]], scores: &[[f32; 4]], scales: &[f32; 4], out: &mut Target<'_>) {
    let mut columns = values.chunks_exact(scores.len());
    let mut column = 0;
    while let Some(left) = columns.next() {
        match columns.next() {
            Some(right) => out.write(column, &product(scores, [left, right]), scales),
            None => out.write(column, &product(scores, [left]), scales),
        }
        column += 8;
    }
}
