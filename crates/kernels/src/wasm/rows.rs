//! Blocks of rows with everything as often as the kernel's vectors want it, which is quicker to read than to
//! make of one.

use crate::blocks::{QUAD, STEP, STEPS};
use crate::memory::plain;

/// Codes: each step four times.
pub(super) type Codes<T> = [[T; QUAD * STEP]; STEPS];

/// A block of a row for weights of 4 bits: see [`crate::blocks::int4::RowBlock`].
#[derive(Debug, Clone, Copy)]
#[repr(C, align(16))]
pub(crate) struct Int4Row {
    pub(super) codes: Codes<i8>,
    /// Over the even and over the odd pairs.
    pub(super) correction: [i16; 2 * QUAD],
    pub(super) scale: [f32; QUAD],
}

/// A block of a row for weights of 8 bits: see [`crate::blocks::int8::RowBlock`].
#[derive(Debug, Clone, Copy)]
#[repr(C, align(16))]
pub(crate) struct Int8Row {
    pub(super) codes: Codes<u8>,
    pub(super) offset: [f32; QUAD],
    pub(super) scale: [f32; QUAD],
}

plain! {
    Int4Row: 128 + 16 + 16;
    Int8Row: 128 + 16 + 16;
}

impl Int4Row {
    pub(super) const ZEROS: Self =
        Self { codes: [[0; QUAD * STEP]; STEPS], correction: [0; 2 * QUAD], scale: [0.0; QUAD] };
}

impl Int8Row {
    pub(super) const ZEROS: Self =
        Self { codes: [[0; QUAD * STEP]; STEPS], offset: [0.0; QUAD], scale: [0.0; QUAD] };
}
