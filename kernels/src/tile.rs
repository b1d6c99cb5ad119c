use crate::blocks::QUAD;
use crate::epilogue::{Epilogue, PANEL};

/// Rows that a kernel computes at once: their accumulators, one each, the weights and the
/// temporaries fit in the 16 vector registers of x86-64 without AVX-512.
pub(crate) const ROWS: usize = 8;

/// Sums of a tile: `ROWS` rows, `PANEL` columns.
#[derive(Debug, Clone)]
#[repr(C, align(16))]
pub(crate) struct Sums(pub(crate) [[f32; PANEL]; ROWS]);

/// A product whose operands are in place.
pub(crate) trait Product {
    /// Number of columns, N.
    fn outputs(&self) -> usize;

    /// Makes the weights of a panel ready for the kernel.
    fn open(&mut self, panel: usize);

    /// Sums of the `rows` rows of tile `tile` with the four columns of `quad`, which lies in the
    /// panel that is open.
    fn sums(&self, tile: usize, rows: usize, quad: usize, sums: &mut Sums);
}

/// Computes `out` `[rows, N]`. The weights of a panel are read once, the rows once for each panel.
pub(crate) fn run(
    product: &mut impl Product,
    rows: usize,
    epilogue: &Epilogue<'_>,
    out: &mut [f32],
) {
    let outputs = product.outputs();
    let mut sums = Sums([[0.0; PANEL]; ROWS]);
    for (panel, first) in (0..outputs).step_by(PANEL).enumerate() {
        product.open(panel);
        let width = PANEL.min(outputs - first);
        for (tile, row) in (0..rows).step_by(ROWS).enumerate() {
            let count = ROWS.min(rows - row);
            for quad in first / QUAD..(first + width).div_ceil(QUAD) {
                product.sums(tile, count, quad, &mut sums);
            }
            for (index, sums) in sums.0[..count].iter().enumerate() {
                epilogue.store(*sums, first, (row + index) * outputs + first, width, out);
            }
        }
    }
}
