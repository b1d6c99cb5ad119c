use std::ops::Range;

use crate::epilogue::{Epilogue, PANEL};

/// The most rows that a kernel computes at once.
pub(crate) const ROWS: usize = 8;

/// The most rows that are in place at once. It bounds the scratch memory, and the second-level
/// cache holds them.
const GROUP: usize = 64;

/// The most blocks that a kernel goes through at once: those of a tile and of a panel's weights stay
/// in the first-level cache.
const SPAN: usize = 12;

/// Sums of a tile: `ROWS` rows, `PANEL` columns.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(16))]
pub(crate) struct Sums(pub(crate) [[f32; PANEL]; ROWS]);

impl Sums {
    pub(crate) const ZEROS: Self = Self([[0.0; PANEL]; ROWS]);
}

/// A product with one form of weights.
pub(crate) trait Product {
    /// Number of columns, N.
    fn outputs(&self) -> usize;

    /// Number of inputs, K.
    fn inputs(&self) -> usize;

    /// Number of blocks of inputs in a row.
    fn blocks(&self) -> usize;

    /// Puts rows in place: `x` is f32 `[tiles.rows, K]`.
    fn arrange(&mut self, x: &[f32], tiles: Tiles);

    /// Makes the weights of a panel ready for the kernel.
    fn open(&mut self, panel: usize);

    /// Adds the products of some blocks, of the rows in `rows`, with the panel that is open.
    fn add(&self, rows: Range<usize>, blocks: Range<usize>, sums: &mut Sums);

    /// What the sums of the panel that is open stand for.
    fn finish(&self, sums: &[f32; PANEL]) -> [f32; PANEL];
}

/// The tiles of a group: as few as there can be, of about equal height, since a low one gets less
/// out of what it loads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tiles {
    pub(crate) rows: usize,
}

impl Tiles {
    fn count(self) -> usize {
        self.rows.div_ceil(ROWS)
    }

    /// The rows of each.
    pub(crate) fn ranges(self) -> impl Iterator<Item = Range<usize>> {
        let count = self.count();
        (0..count).map(move |tile| tile * self.rows / count..(tile + 1) * self.rows / count)
    }
}

/// Computes `out` `[rows, N]`. The weights are read once for each group of rows, its rows once for
/// each panel.
pub(crate) fn run<P: Product>(
    product: &mut P,
    x: &[f32],
    rows: usize,
    epilogue: &Epilogue<'_>,
    out: &mut [f32],
) {
    let inputs = product.inputs();
    for first in (0..rows).step_by(GROUP) {
        let tiles = Tiles { rows: GROUP.min(rows - first) };
        product.arrange(&x[first * inputs..][..tiles.rows * inputs], tiles);
        for column in (0..product.outputs()).step_by(PANEL) {
            product.open(column / PANEL);
            let sums = panel(product, tiles);
            store(product, tiles, &sums, [first, column], epilogue, out);
        }
    }
}

/// The sums of a group's rows with the panel that is open.
fn panel<P: Product>(product: &P, tiles: Tiles) -> [Sums; GROUP / ROWS] {
    let mut sums = [Sums::ZEROS; GROUP / ROWS];
    let blocks = product.blocks();
    for start in (0..blocks).step_by(SPAN) {
        let span = start..blocks.min(start + SPAN);
        for (rows, sums) in tiles.ranges().zip(&mut sums) {
            product.add(rows, span.clone(), sums);
        }
    }
    sums
}

/// Finishes and stores sums. Their rows are counted from `first`, their columns from `column`.
fn store<P: Product>(
    product: &P,
    tiles: Tiles,
    sums: &[Sums],
    [first, column]: [usize; 2],
    epilogue: &Epilogue<'_>,
    out: &mut [f32],
) {
    let outputs = product.outputs();
    let columns = column..outputs.min(column + PANEL);
    for (rows, sums) in tiles.ranges().zip(sums) {
        for (row, sums) in rows.zip(&sums.0) {
            let start = (first + row) * outputs + column;
            epilogue.store(product.finish(sums), columns.clone(), start, out);
        }
    }
}
