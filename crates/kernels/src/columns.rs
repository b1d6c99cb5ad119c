//! Columns of a matrix, which threads write side by side.

use std::marker::PhantomData;
use std::ops::Range;

use crate::error::{Error, check_length, checked_area};

/// Some columns of an f32 matrix `[rows, N]`, writable while others have the other columns.
#[derive(Debug)]
pub struct ColumnsMut<'a> {
    start: *mut f32,
    rows: usize,
    stride: usize,
    columns: Range<usize>,
    matrix: PhantomData<&'a mut [f32]>,
}

// SAFETY: it is a mutable reference to its columns, which no other value has.
unsafe impl Send for ColumnsMut<'_> {}

impl<'a> ColumnsMut<'a> {
    /// All columns of `matrix`, `[rows, stride]`.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::Size`].
    pub fn new(matrix: &'a mut [f32], rows: usize, stride: usize) -> Result<Self, Error> {
        check_length("output", checked_area(rows, stride)?, matrix.len())?;
        let start = matrix.as_mut_ptr();
        Ok(Self { start, rows, stride, columns: 0..stride, matrix: PhantomData })
    }

    /// Those before column `column` of the matrix, and those from it on.
    pub fn split_at(self, column: usize) -> (Self, Self) {
        let middle = column.clamp(self.columns.start, self.columns.end);
        let left = self.columns.start..middle;
        let right = Self { columns: middle..self.columns.end, ..self };
        (Self { columns: left, ..self }, right)
    }

    /// Its columns, counted from the first of the matrix.
    pub fn columns(&self) -> Range<usize> {
        self.columns.clone()
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// A part of a row.
    ///
    /// # Panics
    /// If it isn't one's own.
    #[inline(always)]
    pub(crate) fn part(&mut self, row: usize, columns: &Range<usize>) -> &mut [f32] {
        let own = self.columns.start <= columns.start && columns.end <= self.columns.end;
        assert!(row < self.rows && own && columns.start <= columns.end);
        // SAFETY: the row has these columns, and nothing else refers to them while `self` is borrowed.
        unsafe {
            let start = self.start.add(row * self.stride + columns.start);
            std::slice::from_raw_parts_mut(start, columns.len())
        }
    }
}
