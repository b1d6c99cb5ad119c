//! AArch64: NEON, dot products of bytes (`dotprod`), and matrix products of bytes (`i8mm`). All multiply signed bytes: 4-bit
//! codes without their zero point, and activations of 7 bits. A kernel has some rows and registers of four columns.
//! Used by `instruction_set`. Does not know shapes of products.

/// Kernels for each number of rows, compiled with `$features`. `$dots` computes the dot products of 32 inputs.
macro_rules! kernels {
    ($features:literal, $dots:ident; $($rows:literal)*) => {
        #[target_feature(enable = $features)]
        fn add<B: Block>(x: &[B::Row], columns: &Columns<'_, B>, sums: &mut [Sums]) {
            by_rows!(add_rows, x, columns, sums, 4; $($rows)*);
        }

        /// Adds the products of `R` rows with `4 · G` columns.
        #[target_feature(enable = $features)]
        fn add_rows<B: Block, const R: usize, const G: usize>(
            x: &[[B::Row; R]],
            weights: [&[B]; G],
            sums: &mut [Sums; R],
            column: usize,
        ) {
            let weights = weights.map(|weights| &weights[..x.len()]);
            for (index, x) in x.iter().enumerate() {
                let weights = weights.map(|weights| &weights[index]);
                let dots = $dots(x, weights);
                // SAFETY: NEON is enabled.
                unsafe { B::finish(x, dots, weights, sums, column) };
            }
        }
    };
}

mod bytes;
mod dotprod;
mod float;
mod i8mm;
mod int4;
mod int8;
mod lanes;
mod vector;
mod widening;

use bytes::Products;

/// Proof that the processor has NEON and the instructions that multiply bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Neon<P>(P);

/// Without more than every AArch64 processor has.
pub(crate) type Plain = Neon<widening::Widening>;
pub(crate) type Dotprod = Neon<dotprod::Dotprod>;
pub(crate) type I8mm = Neon<i8mm::I8mm>;

impl<P: Products> Neon<P> {
    pub(crate) fn detect() -> Option<Self> {
        let found = !cfg!(miri) && std::arch::is_aarch64_feature_detected!("neon");
        P::detect().filter(|_| found).map(Self)
    }
}
