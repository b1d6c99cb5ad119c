//! The products of blocks in WebAssembly SIMD.
//!
//! They are compiled for every number of rows in a tile and written out for a whole block of inputs:
//! hosts that interrupt guests put a check at every turn of a loop, and what lives in registers
//! there would be spilled. At the turn nothing does but addresses.
//!
//! Cranelift computes a value just before an instruction with an effect needs it, and keeps loads where they
//! are: written plainly, a block's loads would all come first, pass the 16 registers and be
//! spilled. A volatile store has its operand computed where it stands. So the kernels go row by row,
//! a few steps at a time, and store the sum after each; a store costs none of the three ports that
//! vector instructions compete for.

use super::WebAssembly;
use super::rows::{Int4Row, Int8Row};
use super::totals::Totals;
use crate::blocks::{DEPTH, QUAD};
use crate::blocks::{float, int4, int8};
use crate::form::{Float, Form, Int4, Int8};
use crate::grid::Columns;
use crate::memory::Memory;
use crate::sums::Sums;

/// The kernel of a form.
trait Kernel<F>: Form<F> {
    /// Blocks that one turn of the loop goes through.
    const UNROLL: usize;

    /// Adds the products of a block of `R` rows with a block of columns.
    fn add_block<const R: usize>(x: &[Self::Row; R], columns: &Self::Columns, sums: Totals<'_>);
}

const TILE: usize = 8;
const SPAN: usize = 12;

impl Form<Int4> for WebAssembly {
    type Row = Int4Row;
    type Kept = int4::PackedBlock<QUAD, 16>;
    type Columns = int4::OpenBlock<QUAD, 16>;
    const WIDTH: usize = QUAD;
    const TILE: usize = TILE;
    const SPAN: usize = SPAN;

    #[inline(always)]
    fn convert(self, x: &[f32; DEPTH], out: &mut Self::Row) {
        super::int4::quantize(x, out);
    }

    fn open<'a>(
        self,
        kept: Columns<'a, Self::Kept>,
        open: &'a mut Memory,
    ) -> Columns<'a, Self::Columns> {
        kept.open(open, super::int4::open)
    }

    fn add(self, x: &[Self::Row], columns: &Columns<'_, Self::Columns>, sums: &mut [Sums]) {
        add::<Int4>(x, columns, sums);
    }
}

impl Kernel<Int4> for WebAssembly {
    const UNROLL: usize = 2;

    #[inline(always)]
    fn add_block<const R: usize>(
        x: &[Int4Row; R],
        columns: &int4::OpenBlock<QUAD, 16>,
        sums: Totals<'_>,
    ) {
        super::int4::add_block(x, columns, sums);
    }
}

impl Form<Int8> for WebAssembly {
    type Row = Int8Row;
    type Kept = int8::WeightBlock<QUAD, 16>;
    type Columns = Self::Kept;
    const WIDTH: usize = QUAD;
    const TILE: usize = TILE;
    const SPAN: usize = SPAN;

    #[inline(always)]
    fn convert(self, x: &[f32; DEPTH], out: &mut Self::Row) {
        super::int8::quantize(x, out);
    }

    fn open<'a>(
        self,
        kept: Columns<'a, Self::Kept>,
        _open: &'a mut Memory,
    ) -> Columns<'a, Self::Columns> {
        kept
    }

    fn add(self, x: &[Self::Row], columns: &Columns<'_, Self::Columns>, sums: &mut [Sums]) {
        add::<Int8>(x, columns, sums);
    }
}

impl Kernel<Int8> for WebAssembly {
    const UNROLL: usize = 1;

    #[inline(always)]
    fn add_block<const R: usize>(
        x: &[Int8Row; R],
        columns: &int8::WeightBlock<QUAD, 16>,
        sums: Totals<'_>,
    ) {
        super::int8::add_block(x, columns, sums);
    }
}

impl Form<Float> for WebAssembly {
    type Row = float::RowBlock;
    type Kept = float::WeightBlock<8>;
    type Columns = Self::Kept;
    const WIDTH: usize = 8;
    const TILE: usize = TILE;
    const SPAN: usize = SPAN;

    #[inline(always)]
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
        add::<Float>(x, columns, sums);
    }
}

impl Kernel<Float> for WebAssembly {
    const UNROLL: usize = 1;

    #[inline(always)]
    fn add_block<const R: usize>(
        x: &[float::RowBlock; R],
        columns: &float::WeightBlock<8>,
        sums: Totals<'_>,
    ) {
        super::float::add_block(x, columns, sums);
    }
}

/// Compiled for each number of rows.
fn add<F>(
    x: &[<WebAssembly as Form<F>>::Row],
    columns: &Columns<'_, <WebAssembly as Form<F>>::Columns>,
    sums: &mut [Sums],
) where
    WebAssembly: Kernel<F>,
{
    let width = <WebAssembly as Form<F>>::WIDTH;
    let rows = sums.len();
    for (weights, column) in columns.groups().zip((0..).step_by(width)) {
        let sums = Totals::new(sums, column, width);
        match rows {
            1 => add_rows::<F, 1>(x, weights, sums),
            2 => add_rows::<F, 2>(x, weights, sums),
            3 => add_rows::<F, 3>(x, weights, sums),
            4 => add_rows::<F, 4>(x, weights, sums),
            5 => add_rows::<F, 5>(x, weights, sums),
            6 => add_rows::<F, 6>(x, weights, sums),
            7 => add_rows::<F, 7>(x, weights, sums),
            _ => add_rows::<F, 8>(x, weights, sums),
        }
    }
}

fn add_rows<F, const R: usize>(
    x: &[<WebAssembly as Form<F>>::Row],
    weights: &[<WebAssembly as Form<F>>::Columns],
    sums: Totals<'_>,
) where
    WebAssembly: Kernel<F>,
{
    let (mut x, mut weights) = (x.as_chunks::<R>().0, weights);
    if <WebAssembly as Kernel<F>>::UNROLL == 2 {
        let ((pairs, last), (weight_pairs, last_weights)) =
            (x.as_chunks::<2>(), weights.as_chunks::<2>());
        for ([x, next], [weights, next_weights]) in pairs.iter().zip(weight_pairs) {
            WebAssembly::add_block(x, weights, sums);
            WebAssembly::add_block(next, next_weights, sums);
        }
        (x, weights) = (last, last_weights);
    }
    for (x, weights) in x.iter().zip(weights) {
        WebAssembly::add_block(x, weights, sums);
    }
}
