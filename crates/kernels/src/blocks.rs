//! How rows and weights lie in memory: everything in blocks of `DEPTH` inputs, so that a kernel's loop
//! turns once for a block and its offsets are constants.

use std::ops::Range;

use crate::epilogue::PANEL;
use crate::tile::Tiles;

/// Inputs in a block.
pub(crate) const DEPTH: usize = 32;
/// Inputs whose products one instruction adds up.
pub(crate) const STEP: usize = 4;
/// Steps in a block.
pub(crate) const STEPS: usize = DEPTH / STEP;
/// Columns that one vector holds.
pub(crate) const QUAD: usize = 4;

/// Below this the reciprocal of a block's scale would overflow: such a block counts as zeros.
pub(crate) const SMALLEST: f32 = 1e-30;

/// A block of codes. Of weights: for each step, for each column of a quad, `STEP` inputs. Of a row:
/// for each step, its inputs four times, which is quicker to read than to make of one.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(16))]
pub(crate) struct Codes<T>(pub(crate) [[T; QUAD * STEP]; STEPS]);

/// Each step four times.
#[cfg(any(test, not(target_feature = "simd128")))]
pub(crate) fn repeated<T: Copy>(codes: &[T; DEPTH]) -> Codes<T> {
    let step = |step| std::array::from_fn(|place| codes[step * STEP + place % STEP]);
    Codes(std::array::from_fn(step))
}

/// Hands on a block of values, with zeros behind if it is short.
pub(crate) fn with_whole(x: &[f32], take: impl FnOnce(&[f32; DEPTH])) {
    if let Ok(x) = x.try_into() {
        return take(x);
    }
    let mut whole = [0.0; DEPTH];
    whole[..x.len()].copy_from_slice(x);
    take(&whole);
}

/// The places of columns `[N, K]` in blocks of `width` columns: `[N / width, K / 32]`, both
/// rounded up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    pub(crate) outputs: usize,
    pub(crate) inputs: usize,
    pub(crate) width: usize,
}

impl Grid {
    pub(crate) fn blocks(self) -> usize {
        self.inputs.div_ceil(DEPTH)
    }

    /// The inputs of a block.
    pub(crate) fn range(self, block: usize) -> Range<usize> {
        block * DEPTH..self.inputs.min((block + 1) * DEPTH)
    }

    /// Makes the blocks: `set(block, column, input, index)` is told, for every element of `[N, K]`,
    /// where in its block it lies.
    pub(crate) fn pack<T: Clone>(
        self,
        empty: T,
        mut set: impl FnMut(&mut T, usize, usize, usize),
    ) -> Vec<T> {
        let mut blocks = vec![empty; self.outputs.div_ceil(self.width) * self.blocks()];
        for output in 0..self.outputs {
            for input in 0..self.inputs {
                let block = output / self.width * self.blocks() + input / DEPTH;
                let index = output * self.inputs + input;
                set(&mut blocks[block], output % self.width, input % DEPTH, index);
            }
        }
        blocks
    }

    /// The blocks of a panel.
    pub(crate) fn panel<T>(self, all: &[T], panel: usize) -> &[T] {
        let count = PANEL / self.width * self.blocks();
        all.get(panel * count..).map_or(&[], |rest| &rest[..rest.len().min(count)])
    }

    /// Some blocks of the columns of a panel, `width` columns after the other, with the place of
    /// the first of them in the panel.
    pub(crate) fn columns<T>(
        self,
        panel: &[T],
        span: Range<usize>,
    ) -> impl Iterator<Item = (usize, &[T])> {
        let columns = panel.chunks_exact(self.blocks().max(1)).enumerate();
        columns.map(move |(index, blocks)| (index * self.width, &blocks[span.clone()]))
    }
}

/// Rows of blocks, tile after tile, in each `[blocks, rows]`. It only grows.
#[derive(Debug)]
pub(crate) struct RowBlocks<T>(Vec<T>);

impl<T> Default for RowBlocks<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Clone> RowBlocks<T> {
    /// Has each block written: `write(row, block, out)`.
    pub(crate) fn fill(
        &mut self,
        tiles: Tiles,
        blocks: usize,
        empty: T,
        mut write: impl FnMut(usize, usize, &mut T),
    ) {
        let count = tiles.rows * blocks;
        if self.0.len() < count {
            self.0.resize(count, empty);
        }
        let mut places = self.0.iter_mut();
        for rows in tiles.ranges() {
            for block in 0..blocks {
                for (row, place) in rows.clone().zip(&mut places) {
                    write(row, block, place);
                }
            }
        }
    }

    /// Some blocks of a tile's rows.
    pub(crate) fn tile(&self, rows: &Range<usize>, blocks: usize, span: &Range<usize>) -> &[T] {
        let first = rows.start * blocks + span.start * rows.len();
        &self.0[first..][..span.len() * rows.len()]
    }
}
