//! Kernels for WebAssembly, with plain or relaxed SIMD, as the build has it.
//! Used by `instruction_set`. Does not know shapes of products.

/// Writes a row's part out for each of `$count` rows, at most 8: LLVM leaves a loop of this size be.
#[cfg(target_feature = "simd128")]
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

#[cfg(target_feature = "simd128")]
mod float;
#[cfg(target_feature = "simd128")]
mod forms;
#[cfg(target_feature = "simd128")]
mod int4;
#[cfg(target_feature = "simd128")]
mod int8;
mod lanes;
#[cfg(not(target_feature = "simd128"))]
mod plain;
#[cfg(target_feature = "simd128")]
mod rows;
#[cfg(all(test, target_feature = "simd128"))]
mod tests;
#[cfg(target_feature = "simd128")]
mod totals;
mod transpose;
#[cfg(target_feature = "simd128")]
mod vector;

#[derive(Debug, Clone, Copy)]
pub(crate) struct WebAssembly;
