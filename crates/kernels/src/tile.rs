//! The order of a product's loops: groups of rows, panels of columns, spans of blocks, tiles.

use std::ops::Range;

use crate::blocks::with_whole;
use crate::epilogue::Epilogue;
use crate::form::{self, Form};
use crate::grid::Grid;
use crate::sums::{PANEL, ROWS, Sums};

/// The most rows that are converted at once. It bounds the scratch memory, and the second-level
/// cache holds them.
const GROUP: usize = 64;

/// The most blocks that a kernel goes through at once: those of a tile and of a panel's weights stay
/// in the first-level cache.
const SPAN: usize = 12;

/// Packed weights in one form.
pub(crate) trait Packed {
    type Form: Form;

    fn grid(&self) -> Grid;

    /// Number of inputs, K.
    fn inputs(&self) -> usize;

    /// The inputs of a block.
    fn range(&self, block: usize) -> Range<usize>;

    /// The blocks of a panel, as the kernel reads them: unpacked into `open` if they are kept in
    /// another way.
    fn panel<'a>(&'a self, panel: usize, open: &'a mut Vec<Columns<Self>>) -> &'a [Columns<Self>];

    /// The values that the sums of a panel stand for.
    fn finish(&self, _panel: usize, sums: &[f32; PANEL]) -> [f32; PANEL] {
        *sums
    }
}

type Columns<P> = <<P as Packed>::Form as Form>::Columns;

/// Memory that products of one form reuse.
pub(crate) struct TileScratch<F: Form> {
    rows: RowBlocks<F>,
    /// The weights of the open panel.
    open: Vec<F::Columns>,
}

impl<F: Form> Default for TileScratch<F> {
    fn default() -> Self {
        Self { rows: RowBlocks(Vec::new()), open: Vec::new() }
    }
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
pub(crate) fn run<P: Packed>(
    weights: &P,
    scratch: &mut TileScratch<P::Form>,
    (x, rows): (&[f32], usize),
    epilogue: &Epilogue<'_>,
    out: &mut [f32],
) {
    let (grid, inputs) = (weights.grid(), weights.inputs());
    for first in (0..rows).step_by(GROUP) {
        let tiles = Tiles { rows: GROUP.min(rows - first) };
        let x = &x[first * inputs..][..tiles.rows * inputs];
        scratch.rows.fill(tiles, grid.blocks(), |row, block, out| {
            with_whole(&x[row * inputs..][weights.range(block)], |x| P::Form::convert(x, out));
        });
        for column in (0..grid.outputs).step_by(PANEL) {
            let panel = weights.panel(column / PANEL, &mut scratch.open);
            let sums = panel_sums(&scratch.rows, tiles, grid, panel);
            store(weights, tiles, &sums, [first, column], epilogue, out);
        }
    }
}

/// The sums of a group's rows with a panel.
fn panel_sums<F: Form>(
    rows: &RowBlocks<F>,
    tiles: Tiles,
    grid: Grid,
    panel: &[F::Columns],
) -> [Sums; GROUP / ROWS] {
    let mut sums = [Sums::ZEROS; GROUP / ROWS];
    let blocks = grid.blocks();
    for start in (0..blocks).step_by(SPAN) {
        let span = start..blocks.min(start + SPAN);
        for (range, sums) in tiles.ranges().zip(&mut sums) {
            let x = rows.tile(&range, blocks, &span);
            for (column, columns) in grid.columns(panel, span.clone()) {
                form::add::<F>(x, range.len(), columns, column, sums);
            }
        }
    }
    sums
}

/// Finishes and stores sums. Their rows are counted from `first`, their columns from `column`.
fn store<P: Packed>(
    weights: &P,
    tiles: Tiles,
    sums: &[Sums],
    [first, column]: [usize; 2],
    epilogue: &Epilogue<'_>,
    out: &mut [f32],
) {
    let outputs = weights.grid().outputs;
    let columns = column..outputs.min(column + PANEL);
    for (rows, sums) in tiles.ranges().zip(sums) {
        for (row, sums) in rows.zip(&sums.0) {
            let start = (first + row) * outputs + column;
            let values = weights.finish(column / PANEL, sums);
            epilogue.store(values, columns.clone(), start, out);
        }
    }
}

/// Blocks of rows, tile after tile, in each `[blocks, rows]`. It only grows.
struct RowBlocks<F: Form>(Vec<F::Row>);

impl<F: Form> RowBlocks<F> {
    /// Has each block written: `write(row, block, out)`.
    fn fill(
        &mut self,
        tiles: Tiles,
        blocks: usize,
        mut write: impl FnMut(usize, usize, &mut F::Row),
    ) {
        let count = tiles.rows * blocks;
        if self.0.len() < count {
            self.0.resize(count, F::ZERO_ROW);
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
    fn tile(&self, rows: &Range<usize>, blocks: usize, span: &Range<usize>) -> &[F::Row] {
        let first = rows.start * blocks + span.start * rows.len();
        &self.0[first..][..span.len() * rows.len()]
    }
}
