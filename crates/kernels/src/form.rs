//! The forms of weights, and what an instruction set does with them.

use crate::blocks::DEPTH;
use crate::blocks::float::{Pack, RowBlock};
use crate::grid::Columns;
use crate::lanes::Simd;
use crate::memory::{Memory, Plain};
use crate::sums::Sums;

/// Weights of 4 bits, activations of 8 bits.
#[derive(Debug)]
pub(crate) struct Int4;

/// Weights of 8 bits, activations of 7 bits.
#[derive(Debug)]
pub(crate) struct Int8;

/// Weights and activations of f32.
#[derive(Debug)]
pub(crate) struct Float;

/// Products in one form, `F`: how an instruction set has blocks of rows and of columns, and what it does
/// with them.
///
/// The sums of a row do not depend on the rows beside it: each goes through the same operations in the
/// same order, however many rows a tile has.
pub(crate) trait Form<F>: Simd {
    /// A block of a row.
    type Row: Plain;
    /// A block of `WIDTH` columns, as it is kept.
    type Kept: Plain;
    /// A block of `WIDTH` columns, as the kernel reads it.
    type Columns: Plain;
    const WIDTH: usize;
    /// The most rows of a tile.
    const TILE: usize;
    /// The most blocks that a kernel goes through at once: those of a tile and of a panel's weights stay
    /// in the first-level cache.
    const SPAN: usize;

    /// Converts a block of a row. It is called inside of [`Simd::vectorize`].
    fn convert(self, x: &[f32; DEPTH], out: &mut Self::Row);

    /// Blocks of a panel as the kernel reads them: unpacked into `open` if they are kept in another way.
    fn open<'a>(
        self,
        kept: Columns<'a, Self::Kept>,
        open: &'a mut Memory,
    ) -> Columns<'a, Self::Columns>;

    /// Asks for blocks that [`Self::open`] reads soon: they come from memory, and would be waited for.
    fn prefetch(self, kept: &[Self::Kept]) {
        let _ = kept;
    }

    /// Adds the products of a tile, `[blocks, rows]`, with columns of a panel to the sums of each row.
    fn add(self, x: &[Self::Row], columns: &Columns<'_, Self::Columns>, sums: &mut [Sums]);
}

/// What attention needs besides: its keys are columns that lie in rows.
pub(crate) trait Transpose: Form<Float, Row = RowBlock, Columns: Pack> {
    /// Sets all inputs of all columns: `row` has those of each. It is called inside of [`Simd::vectorize`].
    fn transpose<'a>(
        self,
        row: impl Fn(usize) -> &'a [f32; DEPTH],
        out: &mut <Self as Form<Float>>::Columns,
    );
}
