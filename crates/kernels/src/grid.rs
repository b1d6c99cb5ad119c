//! The order of packed weights.

use std::ops::Range;

use crate::blocks::DEPTH;
use crate::error::{Error, checked_area};
use crate::memory::{Memory, Plain};
use crate::sums::PANEL;

/// The places of columns `[N, K]` in blocks of `width` columns: `[N / width, K / 32]`, both
/// rounded up. Weights that are quantized in blocks of another size than 32 are cut into whole ones,
/// the last of which may be shorter and is padded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Grid {
    pub(crate) outputs: usize,
    pub(crate) inputs: usize,
    /// The inputs of a block as it is given.
    pub(crate) block: usize,
    pub(crate) width: usize,
}

impl Grid {
    pub(crate) fn new(
        [outputs, inputs]: [usize; 2],
        block: usize,
        width: usize,
    ) -> Result<Self, Error> {
        let padded = inputs.checked_next_multiple_of(block.max(DEPTH)).ok_or(Error::Size)?;
        let outputs_padded = outputs.checked_next_multiple_of(PANEL).ok_or(Error::Size)?;
        // Eight bytes at most for each weight, as blocks of 16 are padded to 32.
        checked_area(checked_area(outputs_padded, padded)?, 8)?;
        Ok(Self { outputs, inputs, block, width })
    }

    /// The blocks of an output, as they are given.
    pub(crate) fn given(self) -> usize {
        self.inputs.div_ceil(self.block)
    }

    /// The blocks of 32 inputs.
    pub(crate) fn blocks(self) -> usize {
        let rest = (self.inputs % self.block).div_ceil(DEPTH);
        self.inputs / self.block * self.block.div_ceil(DEPTH) + rest
    }

    /// The inputs of a block.
    pub(crate) fn range(self, block: usize) -> Range<usize> {
        if self.block.is_multiple_of(DEPTH) {
            let start = block * DEPTH;
            return start..self.inputs.min(start + DEPTH);
        }
        let parts = self.block.div_ceil(DEPTH);
        let given = block / parts * self.block;
        let start = given + block % parts * DEPTH;
        start..self.inputs.min(given + self.block).min(start + DEPTH)
    }

    /// How many blocks of columns there are.
    pub(crate) fn count(self) -> usize {
        self.outputs.div_ceil(self.width) * self.blocks()
    }

    /// Makes the blocks from zeros: `set(block, column, output, index)` sets a column of a block to what the
    /// output has in its block number `index`.
    pub(crate) fn pack<T: Plain>(self, mut set: impl FnMut(&mut T, usize, usize, usize)) -> Memory {
        let count = self.blocks();
        let mut memory = Memory::default();
        let blocks = memory.grow(self.count());
        for output in 0..self.outputs {
            let columns = &mut blocks[output / self.width * count..][..count];
            for (index, block) in columns.iter_mut().enumerate() {
                set(block, output % self.width, output, index);
            }
        }
        memory
    }

    /// The blocks of a panel.
    pub(crate) fn panel<T>(self, all: &[T], panel: usize) -> &[T] {
        let start = PANEL / self.width * self.blocks() * panel;
        let end = (start + PANEL / self.width * self.blocks()).min(self.count());
        all.get(start..end).unwrap_or(&[])
    }
}

/// Some blocks of the columns of a panel.
#[derive(Clone)]
pub(crate) struct Columns<'a, T> {
    /// `[columns / width, count]`.
    pub(crate) blocks: &'a [T],
    /// How many there are for each column.
    pub(crate) count: usize,
    pub(crate) span: Range<usize>,
}

impl<'a, T> Columns<'a, T> {
    /// Those of `width` columns after those of others.
    pub(crate) fn groups(&self) -> impl ExactSizeIterator<Item = &'a [T]> {
        let span = self.span.clone();
        self.blocks.chunks_exact(self.count.max(1)).map(move |blocks| &blocks[span.clone()])
    }

    /// The number of these.
    pub(crate) fn len(&self) -> usize {
        self.blocks.len() / self.count.max(1)
    }

    /// Some of these.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn group(&self, index: usize) -> &'a [T] {
        &self.blocks[index * self.count..][self.span.clone()]
    }

    /// What `open_block` makes of each block.
    #[inline(always)]
    pub(crate) fn open<U: Plain>(
        &self,
        memory: &'a mut Memory,
        open_block: impl Fn(&T, &mut U),
    ) -> Columns<'a, U> {
        let count = self.span.len();
        let blocks = memory.grow(self.len() * count);
        for (blocks, kept) in blocks.chunks_exact_mut(count.max(1)).zip(self.groups()) {
            for (block, kept) in blocks.iter_mut().zip(kept) {
                open_block(kept, block);
            }
        }
        Columns { blocks, count, span: 0..count }
    }
}
