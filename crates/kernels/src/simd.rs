//! The products of blocks in WebAssembly SIMD. All `unsafe` code of the crate is here and in `lanes`.
//!
//! They are compiled for every number of rows in a tile and written out for a whole block of inputs:
//! hosts that interrupt guests put a check at every turn of a loop (`form`), and what lives in registers
//! there would be spilled. At the turn nothing does but addresses.
//!
//! Cranelift computes a value just before an instruction with an effect needs it, and keeps loads where they
//! are: written plainly, a block's loads would all come first, pass the 16 registers and be
//! spilled. A volatile store has its operand computed where it stands. So the kernels go row by row,
//! a few steps at a time, and store the sum after each; a store costs none of the three ports that
//! vector instructions compete for.

/// Writes a row's part out for each of `$count` rows, at most 8: LLVM leaves a loop of this size be.
macro_rules! each_row {
    ($count:ident, $row:ident => $body:expr) => {
        each_row!(@ $count, $row => $body; 0 1 2 3 4 5 6 7)
    };
    (@ $count:ident, $row:ident => $body:expr; $($index:literal)*) => {
        $(if $index < $count {
            let $row = $index;
            $body
        })*
    };
}

pub(crate) mod float;
pub(crate) mod int4;
pub(crate) mod int8;
mod totals;
mod vector;

pub(crate) use totals::Totals;
