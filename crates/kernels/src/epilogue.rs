use std::ops::Range;

use crate::error::{Error, check_length};
use crate::gelu::gelu_in_place;
use crate::sums::PANEL;

/// What is done to sums `[rows, N]` before they are stored: `then(sums + bias)`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Epilogue<'a> {
    /// f32 `[N]`, added to each row.
    pub bias: Option<&'a [f32]>,
    /// What follows.
    pub then: Then<'a>,
}

/// What follows the addition of the bias.
#[derive(Debug, Clone, Copy, Default)]
pub enum Then<'a> {
    /// Nothing.
    #[default]
    Store,
    /// [`crate::gelu`].
    Gelu,
    /// This is added: f32 `[rows, N]`.
    Add(&'a [f32]),
}

impl Epilogue<'_> {
    pub(crate) fn check(&self, columns: usize, area: usize) -> Result<(), Error> {
        if let Some(bias) = self.bias {
            check_length("bias", columns, bias.len())?;
        }
        if let Then::Add(residual) = self.then {
            check_length("residual", area, residual.len())?;
        }
        Ok(())
    }

    /// Finishes the sums of `columns`, at most `PANEL`, and stores them at `start` of `out`.
    pub(crate) fn store(
        &self,
        mut sums: [f32; PANEL],
        columns: Range<usize>,
        start: usize,
        out: &mut [f32],
    ) {
        let place = start..start + columns.len();
        if let Some(bias) = self.bias {
            add(&mut sums, &bias[columns]);
        }
        match self.then {
            Then::Store => (),
            Then::Gelu => gelu_in_place(&mut sums),
            Then::Add(residual) => add(&mut sums, &residual[place.clone()]),
        }
        let out = &mut out[place];
        match <&mut [f32; PANEL]>::try_from(&mut *out) {
            Ok(line) => *line = sums,
            Err(_) => out.copy_from_slice(&sums[..out.len()]),
        }
    }
}

fn add(sums: &mut [f32; PANEL], terms: &[f32]) {
    if let Ok(terms) = <&[f32; PANEL]>::try_from(terms) {
        for (sum, term) in sums.iter_mut().zip(terms) {
            *sum += term;
        }
        return;
    }
    for (sum, term) in sums.iter_mut().zip(terms) {
        *sum += term;
    }
}
