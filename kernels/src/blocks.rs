//! How rows and weights lie in memory: everything in blocks of `DEPTH` inputs, so that a kernel's loop
//! turns once for a block and its offsets are constants.

/// Inputs in a block.
pub(crate) const DEPTH: usize = 32;
/// Inputs whose products one instruction adds up.
pub(crate) const STEP: usize = 4;
/// Steps in a block.
pub(crate) const STEPS: usize = DEPTH / STEP;
/// Columns that one vector holds.
pub(crate) const QUAD: usize = 4;

/// A block of a quad's codes: for each step, for each column, `STEP` inputs.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(16))]
pub(crate) struct QuadCodes(pub(crate) [[i8; QUAD * STEP]; STEPS]);

/// The places of columns `[N, K]` in quads of blocks: `[N / 4, K / 32]`, both rounded up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    pub(crate) outputs: usize,
    pub(crate) inputs: usize,
}

impl Grid {
    pub(crate) fn quads(self) -> usize {
        self.outputs.div_ceil(QUAD)
    }

    pub(crate) fn blocks(self) -> usize {
        self.inputs.div_ceil(DEPTH)
    }

    /// The blocks of a quad in a list of all.
    pub(crate) fn quad<T>(self, blocks: &[T], quad: usize) -> &[T] {
        &blocks[quad * self.blocks()..][..self.blocks()]
    }
}

impl Grid {
    /// Makes the blocks `[quads, blocks]`: `set(block, column, input, index)` is told, for every
    /// element of `[N, K]`, where in its block it lies.
    pub(crate) fn pack<T: Clone>(
        self,
        empty: T,
        mut set: impl FnMut(&mut T, usize, usize, usize),
    ) -> Vec<T> {
        let mut blocks = vec![empty; self.quads() * self.blocks()];
        for output in 0..self.outputs {
            for input in 0..self.inputs {
                let block = output / QUAD * self.blocks() + input / DEPTH;
                let index = output * self.inputs + input;
                set(&mut blocks[block], output % QUAD, input % DEPTH, index);
            }
        }
        blocks
    }
}
