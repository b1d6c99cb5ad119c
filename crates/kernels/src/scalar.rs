//! Kernels for any processor: the reference of all other instruction sets.
//! Used by `instruction_set` and `wasm`. Does not know shapes of products.

mod lanes;

use crate::blocks::DEPTH;
use crate::blocks::{float, int4, int8};
use crate::form::{Float, Form, Int4, Int8};
use crate::grid::Columns;
use crate::memory::Memory;
use crate::sums::Sums;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Scalar {
    /// Multiplications and additions are fused, as vectors do it.
    pub(crate) fused: bool,
}

#[cfg(not(target_family = "wasm"))]
impl Scalar {
    /// Without an instruction for it, fusing would take a hundred times as long.
    pub(crate) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        let fused = is_x86_feature_detected!("fma");
        #[cfg(not(target_arch = "x86_64"))]
        let fused = cfg!(target_arch = "aarch64");
        Self { fused }
    }
}

/// Columns of a block.
const WIDTH: usize = 4;
const FLOAT_WIDTH: usize = 8;
const TILE: usize = 8;
const SPAN: usize = 12;

impl Form<Int4> for Scalar {
    type Row = int4::RowBlock;
    type Kept = int4::PackedBlock<WIDTH, 16>;
    type Columns = int4::OpenBlock<WIDTH, 16>;
    const WIDTH: usize = WIDTH;
    const TILE: usize = TILE;
    const SPAN: usize = SPAN;

    fn convert(self, x: &[f32; DEPTH], out: &mut Self::Row) {
        out.quantize(x);
    }

    fn open<'a>(
        self,
        kept: Columns<'a, Self::Kept>,
        open: &'a mut Memory,
    ) -> Columns<'a, Self::Columns> {
        kept.open(open, int4::PackedBlock::open)
    }

    fn add(self, x: &[Self::Row], columns: &Columns<'_, Self::Columns>, sums: &mut [Sums]) {
        if self.fused {
            add(x, columns, sums, WIDTH, Self::Columns::add_to::<true>);
        } else {
            add(x, columns, sums, WIDTH, Self::Columns::add_to::<false>);
        }
    }
}

impl Form<Int8> for Scalar {
    type Row = int8::RowBlock;
    type Kept = int8::WeightBlock<WIDTH, 16>;
    type Columns = Self::Kept;
    const WIDTH: usize = WIDTH;
    const TILE: usize = TILE;
    const SPAN: usize = SPAN;

    fn convert(self, x: &[f32; DEPTH], out: &mut Self::Row) {
        out.quantize(x);
    }

    fn open<'a>(
        self,
        kept: Columns<'a, Self::Kept>,
        _open: &'a mut Memory,
    ) -> Columns<'a, Self::Columns> {
        kept
    }

    fn add(self, x: &[Self::Row], columns: &Columns<'_, Self::Columns>, sums: &mut [Sums]) {
        if self.fused {
            add(x, columns, sums, WIDTH, Self::Columns::add_to::<true>);
        } else {
            add(x, columns, sums, WIDTH, Self::Columns::add_to::<false>);
        }
    }
}

impl Form<Float> for Scalar {
    type Row = float::RowBlock;
    type Kept = float::WeightBlock<FLOAT_WIDTH>;
    type Columns = Self::Kept;
    const WIDTH: usize = FLOAT_WIDTH;
    const TILE: usize = TILE;
    const SPAN: usize = SPAN;

    fn convert(self, x: &[f32; DEPTH], out: &mut Self::Row) {
        out.0 = *x;
    }

    fn open<'a>(
        self,
        kept: Columns<'a, Self::Kept>,
        _open: &'a mut Memory,
    ) -> Columns<'a, Self::Columns> {
        kept
    }

    fn add(self, x: &[Self::Row], columns: &Columns<'_, Self::Columns>, sums: &mut [Sums]) {
        if self.fused {
            add(x, columns, sums, FLOAT_WIDTH, Self::Columns::add_to::<true>);
        } else {
            add(x, columns, sums, FLOAT_WIDTH, Self::Columns::add_to::<false>);
        }
    }
}

#[cfg(not(target_family = "wasm"))]
impl crate::form::Transpose for Scalar {
    #[inline(always)]
    fn transpose<'a>(
        self,
        row: impl Fn(usize) -> &'a [f32; DEPTH],
        out: &mut float::WeightBlock<FLOAT_WIDTH>,
    ) {
        out.set_all(row);
    }
}

/// Adds what `add_block` adds for each block of a row and of columns.
fn add<X, W>(
    x: &[X],
    columns: &Columns<'_, W>,
    sums: &mut [Sums],
    width: usize,
    add_block: impl Fn(&W, &X, &mut [f32]),
) {
    for (columns, place) in columns.groups().zip((0..).step_by(width)) {
        for (x, columns) in x.chunks_exact(sums.len()).zip(columns) {
            for (x, sums) in x.iter().zip(&mut *sums) {
                add_block(columns, x, &mut sums[place..]);
            }
        }
    }
}
