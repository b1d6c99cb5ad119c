//! The sums that a kernel adds to.

/// Columns that are finished together: one cache line of the output.
pub(crate) const PANEL: usize = 16;

/// The most rows that a kernel computes at once.
pub(crate) const ROWS: usize = 8;

/// Sums of a tile: `ROWS` rows, `PANEL` columns.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(16))]
pub(crate) struct Sums(pub(crate) [[f32; PANEL]; ROWS]);

impl Sums {
    pub(crate) const ZEROS: Self = Self([[0.0; PANEL]; ROWS]);
}
