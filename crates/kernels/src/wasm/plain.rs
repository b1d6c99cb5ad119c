//! Products without vectors.

use super::WebAssembly;
use crate::blocks::DEPTH;
use crate::form::Form;
use crate::grid::Columns;
use crate::memory::Memory;
use crate::scalar::Scalar;
use crate::sums::Sums;

/// It has no instruction for a product and a sum together.
const SCALAR: Scalar = Scalar { fused: false };

impl<F> Form<F> for WebAssembly
where
    Scalar: Form<F>,
{
    type Row = <Scalar as Form<F>>::Row;
    type Kept = <Scalar as Form<F>>::Kept;
    type Columns = <Scalar as Form<F>>::Columns;
    const WIDTH: usize = Scalar::WIDTH;
    const TILE: usize = Scalar::TILE;
    const SPAN: usize = Scalar::SPAN;

    fn convert(self, x: &[f32; DEPTH], out: &mut Self::Row) {
        SCALAR.convert(x, out);
    }

    fn open<'a>(
        self,
        kept: Columns<'a, Self::Kept>,
        open: &'a mut Memory,
    ) -> Columns<'a, Self::Columns> {
        SCALAR.open(kept, open)
    }

    fn add(self, x: &[Self::Row], columns: &Columns<'_, Self::Columns>, sums: &mut [Sums]) {
        SCALAR.add(x, columns, sums);
    }
}
