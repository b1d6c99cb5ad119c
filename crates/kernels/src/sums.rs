//! The sums that a kernel adds to.

/// Columns that are finished together.
pub(crate) const PANEL: usize = if cfg!(target_family = "wasm") { 16 } else { 32 };

/// The most rows that are converted at once. It bounds the scratch memory, and the second-level
/// cache holds them.
pub(crate) const GROUP: usize = if cfg!(target_family = "wasm") { 64 } else { 96 };

/// The sums of a row with the columns of a panel.
pub(crate) type Sums = [f32; PANEL];

pub(crate) const ZEROS: Sums = [0.0; PANEL];
