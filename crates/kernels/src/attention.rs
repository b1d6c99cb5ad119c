//! Attention of one sequence: `softmax(Q · Kᵀ · scale + mask) · V` for each head. Both products use the kernel of [`Float`]:
//! keys and values of a head are packed like weights, and up to eight queries are a tile of rows.
//! Used by other crates. Does not know batches.

mod operands;
mod pack;
mod softmax;

use std::ops::Range;

use crate::blocks::DEPTH;
use crate::blocks::float::RowBlock;
use crate::columns::ColumnsMut;
use crate::error::{Error, check_length};
use crate::form::{Float, Form, Transpose};
use crate::grid::Columns;
use crate::instruction_set::{InstructionSet, dispatch};
use crate::memory::Memory;
use crate::sums::{PANEL, Sums, ZEROS};
use crate::tile::Tiles;
use pack::{Head, scale};

pub use operands::{Attention, Heads, Rows};
pub use pack::AttentionScratch;

impl Attention<'_> {
    /// Computes it into `out`, `[tokens, count · width]`; does nothing where `out` is shorter.
    pub fn compute(&self, scratch: &mut AttentionScratch, out: &mut [f32]) {
        self.compute_on(InstructionSet::available(), scratch, out);
    }

    /// Computes it with `set`, or with scalar code if the processor does not have it.
    pub fn compute_on(&self, set: InstructionSet, scratch: &mut AttentionScratch, out: &mut [f32]) {
        let stride = self.heads.count * self.heads.width;
        let Some(out) = out.get_mut(..self.tokens * stride) else { return };
        let Ok(mut out) = ColumnsMut::new(out, self.tokens, stride) else { return };
        dispatch!(set, simd => { self.heads(simd, 0..self.heads.count, scratch, &mut out) });
    }

    /// Computes the heads whose columns `out` has, of `[tokens, count · width]`, with `set`, or with
    /// scalar code if the processor does not have it. The bits are those of [`Self::compute_on`]:
    /// threads can compute some heads each, from [`ColumnsMut::split_at`] multiples of the width.
    ///
    /// # Errors
    /// [`Error::Length`] if `out` belongs to a matrix of another size, [`Error::Heads`] if its columns are
    /// no whole heads. `out` is untouched then.
    pub fn compute_heads(
        &self,
        set: InstructionSet,
        scratch: &mut AttentionScratch,
        out: &mut ColumnsMut<'_>,
    ) -> Result<(), Error> {
        let (columns, width) = (out.columns(), self.heads.width);
        check_length("rows of the output", self.tokens, out.rows())?;
        check_length("columns of the output", self.heads.count * width, out.stride())?;
        for column in [columns.start, columns.end] {
            if !column.is_multiple_of(width) {
                return Err(Error::Heads { column, width });
            }
        }
        let heads = columns.start / width..columns.end / width;
        dispatch!(set, simd => { self.heads(simd, heads, scratch, out) });
        Ok(())
    }

    fn heads<S: Transpose>(
        &self,
        simd: S,
        heads: Range<usize>,
        scratch: &mut AttentionScratch,
        out: &mut ColumnsMut<'_>,
    ) {
        let AttentionScratch { keys, values, queries, scores, sums } = scratch;
        for head in heads {
            let columns = head * self.heads.width..(head + 1) * self.heads.width;
            let head = simd.vectorize(
                #[inline(always)]
                || Head::pack(simd, self, &columns, (keys, values)),
            );
            for rows in (Tiles { rows: self.tokens, most: S::TILE }).ranges() {
                let queries = simd.vectorize(
                    #[inline(always)]
                    || pack::queries(simd, self, &rows, &columns, queries),
                );
                let place = (rows, columns.clone());
                self.tile(simd, &head, queries, (scores, sums), place, out);
            }
        }
    }

    /// Some queries of a head.
    fn tile<S: Transpose>(
        &self,
        simd: S,
        head: &Head<'_, S::Columns>,
        queries: &[RowBlock],
        (scores, sums): (&mut Memory, &mut Memory),
        (rows, columns): (Range<usize>, Range<usize>),
        out: &mut ColumnsMut<'_>,
    ) {
        let count = self.tokens.div_ceil(DEPTH);
        let scores = self.scores(simd, (head.keys, queries), rows.len(), (scores, sums));
        let mut scales = [0.0; MOST];
        let scales = &mut scales[..rows.len()];
        simd.vectorize(
            #[inline(always)]
            || self.weigh(simd, scores, rows.start, scales),
        );
        let sums = sums.grow::<Sums>(rows.len());
        let panels = head.values.chunks(PANEL / S::WIDTH * count);
        for (values, column) in panels.zip(columns.clone().step_by(PANEL)) {
            product(simd, scores, (values, count), sums);
            let place = column..columns.end.min(column + PANEL);
            self.store(simd, sums, scales, (rows.start, place), out);
        }
    }

    /// The scores of a tile's queries, `[keys / 32, rows]`.
    fn scores<'a, S: Transpose>(
        &self,
        simd: S,
        (keys, queries): (&[S::Columns], &[RowBlock]),
        rows: usize,
        (scores, sums): (&'a mut Memory, &mut Memory),
    ) -> &'a mut [RowBlock] {
        let count = self.tokens.div_ceil(DEPTH) * rows;
        let blocks = self.heads.width.div_ceil(DEPTH);
        let panels = keys.chunks(PANEL / S::WIDTH * blocks);
        if PANEL == DEPTH {
            // The sums of a panel are the scores of a block.
            let sums = scores.grow::<Sums>(count).chunks_exact_mut(rows);
            for (keys, sums) in panels.zip(sums) {
                product(simd, queries, (keys, blocks), sums);
            }
            return scores.grow(count);
        }
        let (scores, sums) = (scores.grow::<RowBlock>(count), sums.grow::<Sums>(rows));
        for (keys, first) in panels.zip((0..).step_by(PANEL)) {
            product(simd, queries, (keys, blocks), sums);
            let blocks = &mut scores[first / DEPTH * rows..];
            for (block, sums) in blocks.iter_mut().zip(&*sums) {
                block.0[first % DEPTH..][..PANEL].copy_from_slice(sums);
            }
        }
        scores
    }

    /// Makes weights of the scores of queries from `first` on, and says what is to multiply each query's values.
    #[inline(always)]
    fn weigh<S: Form<Float>>(
        &self,
        simd: S,
        scores: &mut [RowBlock],
        first: usize,
        scales: &mut [f32],
    ) {
        let rows = scales.len();
        // First all of the one, then all of the other: processors overlap what does not depend on each other.
        for (index, scale) in scales.iter_mut().enumerate() {
            if let Some(mask) = &self.mask {
                mask.add_to(scores[index..].iter_mut().step_by(rows), first + index);
            }
            *scale = softmax::largest(simd, &mut scores[index..], rows, self.tokens);
        }
        for (index, scale) in scales.iter_mut().enumerate() {
            let range = (self.tokens, *scale);
            *scale = 1.0 / softmax::unscaled(simd, &mut scores[index..], rows, range);
        }
        let Some(mask) = self.mask.filter(|_| self.guarded) else { return };
        for (index, scale) in scales.iter_mut().enumerate() {
            if mask.hides_all(first + index, self.tokens) {
                scores[index..].iter_mut().step_by(rows).for_each(|block| block.0.fill(0.0));
                *scale = 0.0;
            }
        }
    }

    /// Stores the sums of queries from `first` on, scaled, as many columns as there are.
    fn store<S: Form<Float>>(
        &self,
        simd: S,
        sums: &[Sums],
        scales: &[f32],
        (first, columns): (usize, Range<usize>),
        out: &mut ColumnsMut<'_>,
    ) {
        for ((sums, factor), row) in sums.iter().zip(scales).zip(first..) {
            let out = out.part(row, &columns);
            let whole = <&mut Sums>::try_from(&mut *out);
            let mut part = ZEROS;
            let is_part = whole.is_err();
            let to = whole.unwrap_or(&mut part);
            simd.vectorize(
                #[inline(always)]
                || scale(simd, sums, *factor, to),
            );
            if is_part {
                out.copy_from_slice(&part[..out.len()]);
            }
        }
    }
}

/// No less than the rows of any tile.
const MOST: usize = 16;

/// Products of a tile's rows, `[blocks, rows]`, with columns of a panel, `[columns / WIDTH, count]`.
fn product<S: Form<Float>>(
    simd: S,
    x: &[S::Row],
    (blocks, count): (&[S::Columns], usize),
    sums: &mut [Sums],
) {
    sums.fill(ZEROS);
    simd.add(x, &Columns { blocks, count, span: 0..count }, sums);
}
