//! The order of packed weights.

use std::ops::Range;

use crate::blocks::DEPTH;
use crate::sums::PANEL;

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

    /// Makes the blocks: `set(block, column, output, index)` sets a column of a block to what the
    /// output has in its block number `index`.
    pub(crate) fn pack<T: Clone>(
        self,
        zeros: T,
        mut set: impl FnMut(&mut T, usize, usize, usize),
    ) -> Vec<T> {
        let count = self.blocks();
        let mut blocks = vec![zeros; self.outputs.div_ceil(self.width) * count];
        for output in 0..self.outputs {
            let columns = &mut blocks[output / self.width * count..][..count];
            for (index, block) in columns.iter_mut().enumerate() {
                set(block, output % self.width, output, index);
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
