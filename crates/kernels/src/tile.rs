//! The order of a product's loops: groups of rows, panels of columns, spans of blocks, tiles.

use std::ops::Range;

use crate::blocks::with_whole;
use crate::columns::ColumnsMut;
use crate::epilogue::Epilogue;
use crate::form::Form;
use crate::grid::{Columns, Grid};
use crate::memory::Memory;
use crate::sums::{GROUP, PANEL, Sums, ZEROS};

/// Packed weights.
pub(crate) struct Packed<'a, T> {
    pub(crate) grid: Grid,
    pub(crate) blocks: &'a [T],
    /// What the sums of each column are multiplied with; nothing if they are values.
    pub(crate) units: &'a [Sums],
}

/// What is multiplied with them, and what follows.
pub(crate) struct Operands<'a> {
    /// `[rows, K]`.
    pub(crate) x: &'a [f32],
    pub(crate) rows: usize,
    pub(crate) epilogue: &'a Epilogue<'a>,
}

/// Memory that products reuse.
#[derive(Default)]
pub(crate) struct TileScratch {
    /// Blocks of rows, tile after tile, in each `[blocks, rows]`.
    rows: Memory,
    /// The weights of the open panel.
    open: Memory,
    /// Of a group's rows.
    sums: Memory,
}

/// The tiles of a group: as few as there can be, of about equal height, since a low one gets less
/// out of what it loads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tiles {
    pub(crate) rows: usize,
    /// The most rows of each.
    pub(crate) most: usize,
}

impl Tiles {
    /// The rows of each.
    pub(crate) fn ranges(self) -> impl Iterator<Item = Range<usize>> {
        let count = self.rows.div_ceil(self.most);
        (0..count).map(move |tile| tile * self.rows / count..(tile + 1) * self.rows / count)
    }
}

/// Computes columns of `[rows, N]`, which begin at a panel. The weights are read once for each group of rows, its
/// rows once for each panel.
pub(crate) fn run<F, S: Form<F>>(
    simd: S,
    weights: &Packed<'_, S::Kept>,
    operands: &Operands<'_>,
    scratch: &mut TileScratch,
    out: &mut ColumnsMut<'_>,
) {
    let TileScratch { rows, open, sums } = scratch;
    let columns = out.columns();
    for first in (0..operands.rows).step_by(GROUP) {
        let tiles = Tiles { rows: GROUP.min(operands.rows - first), most: S::TILE };
        let x = rows.grow(tiles.rows * weights.grid.blocks());
        let sums = sums.grow(tiles.rows);
        simd.vectorize(
            #[inline(always)]
            || convert(simd, weights.grid, tiles, &operands.x[first * weights.grid.inputs..], x),
        );
        for column in columns.clone().step_by(PANEL) {
            let panel = |panel| weights.grid.panel(weights.blocks, panel);
            let panels = [panel(column / PANEL), panel(column / PANEL + 1)];
            simd.vectorize(
                #[inline(always)]
                || sums.fill(ZEROS),
            );
            add(simd, (tiles, x), (weights.grid, panels), open, sums);
            let place = column..columns.end.min(column + PANEL);
            let unit = weights.units.get(column / PANEL);
            simd.vectorize(
                #[inline(always)]
                || operands.epilogue.store(simd, sums, unit, (first, place), out),
            );
        }
    }
}

/// Converts the rows of a group.
#[inline(always)]
fn convert<F, S: Form<F>>(simd: S, grid: Grid, tiles: Tiles, x: &[f32], out: &mut [S::Row]) {
    let mut places = out.iter_mut();
    for rows in tiles.ranges() {
        for block in 0..grid.blocks() {
            let range = grid.range(block);
            for (row, place) in rows.clone().zip(&mut places) {
                let x = &x[row * grid.inputs..][range.clone()];
                with_whole(
                    x,
                    #[inline(always)]
                    |x| simd.convert(x, place),
                );
            }
        }
    }
}

/// Adds the products of a group's rows with a panel to their sums; the next panel comes after it.
fn add<F, S: Form<F>>(
    simd: S,
    (tiles, x): (Tiles, &[S::Row]),
    (grid, [panel, next]): (Grid, [&[S::Kept]; 2]),
    open: &mut Memory,
    sums: &mut [Sums],
) {
    let count = grid.blocks();
    let span_at = |start: usize| start.min(count)..count.min(start + S::SPAN);
    for start in (0..count).step_by(S::SPAN) {
        let (span, following) = (span_at(start), span_at(start + S::SPAN));
        let columns = simd.open(Columns { blocks: panel, count, span: span.clone() }, open);
        let following = match following.is_empty() {
            true => Columns { blocks: next, count, span: 0..count.min(S::SPAN) },
            false => Columns { blocks: panel, count, span: following },
        };
        following.groups().for_each(|blocks| simd.prefetch(blocks));
        for rows in tiles.ranges() {
            let first = rows.start * count + span.start * rows.len();
            let x = &x[first..][..span.len() * rows.len()];
            simd.add(x, &columns, &mut sums[rows]);
        }
    }
}
