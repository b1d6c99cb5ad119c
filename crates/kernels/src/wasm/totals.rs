use core::arch::wasm32::*;

use crate::blocks::QUAD;
use crate::sums::{PANEL, Sums};

/// Where a kernel's sums are.
///
/// They are read and written as volatile, or LLVM would keep them in registers across turns.
#[derive(Clone, Copy)]
pub(crate) struct Totals<'a> {
    sums: &'a std::cell::Cell<[Sums]>,
    column: usize,
}

impl<'a> Totals<'a> {
    /// Those of `columns` columns from `column` on.
    #[inline(always)]
    pub(crate) fn new(sums: &'a mut [Sums], column: usize, columns: usize) -> Self {
        assert!(column.is_multiple_of(QUAD) && column + columns <= PANEL);
        Self { sums: std::cell::Cell::from_mut(sums), column }
    }

    /// # Safety
    /// `row` is a row, and from `column` on, a multiple of four, are four columns.
    #[inline(always)]
    unsafe fn place(self, row: usize, column: usize) -> *mut v128 {
        debug_assert!(row < self.sums.as_slice_of_cells().len());
        // SAFETY: the caller's promise.
        unsafe {
            self.sums.as_ptr().cast::<f32>().add(self.column).add(row * PANEL + column).cast()
        }
    }

    /// # Safety
    /// As for `place`.
    #[inline(always)]
    pub(super) unsafe fn get(self, row: usize, column: usize) -> v128 {
        // SAFETY: the caller's promise; sums begin at a cache line.
        unsafe { self.place(row, column).read_volatile() }
    }

    /// # Safety
    /// As for `place`.
    #[inline(always)]
    pub(super) unsafe fn set(self, row: usize, column: usize, value: v128) {
        // SAFETY: the caller's promise; sums begin at a cache line.
        unsafe { self.place(row, column).write_volatile(value) }
    }
}
