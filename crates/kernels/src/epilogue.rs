use std::ops::Range;

use crate::columns::ColumnsMut;
use crate::error::{Error, check_length};
use crate::gelu;
use crate::lanes::{LANES, Lanes as _, Simd};
use crate::sums::{PANEL, Sums};

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

    /// Finishes the sums of rows from `first` on with `columns`, at most `PANEL`, and stores them. The sums are
    /// in units of `unit`, if there is one. It is called inside of [`Simd::vectorize`].
    #[inline(always)]
    pub(crate) fn store<S: Simd>(
        &self,
        simd: S,
        sums: &[Sums],
        unit: Option<&Sums>,
        (first, columns): (usize, Range<usize>),
        out: &mut ColumnsMut<'_>,
    ) {
        for (sums, row) in sums.iter().zip(first..) {
            let mut sums = *sums;
            if let Some(unit) = unit {
                combine(simd, &mut sums, unit, S::Lanes::mul);
            }
            if let Some(bias) = self.bias {
                add(simd, &mut sums, &bias[columns.clone()]);
            }
            match self.then {
                Then::Store => (),
                Then::Gelu => gelu::in_place(simd, &mut sums),
                Then::Add(residual) => {
                    add(simd, &mut sums, &residual[row * out.stride()..][columns.clone()]);
                }
            }
            let out = out.part(row, &columns);
            match <&mut Sums>::try_from(&mut *out) {
                Ok(line) => *line = sums,
                Err(_) => out.copy_from_slice(&sums[..out.len()]),
            }
        }
    }
}

/// Adds terms, maybe less than a panel has.
#[inline(always)]
fn add<S: Simd>(simd: S, sums: &mut Sums, terms: &[f32]) {
    if let Ok(terms) = terms.try_into() {
        return combine(simd, sums, terms, S::Lanes::add);
    }
    for (sum, term) in sums.iter_mut().zip(terms) {
        *sum += term;
    }
}

#[inline(always)]
fn combine<S: Simd>(
    simd: S,
    sums: &mut Sums,
    others: &Sums,
    with: impl Fn(S::Lanes, S::Lanes) -> S::Lanes,
) {
    let (sums, _) = sums.as_chunks_mut::<LANES>();
    for (sums, others) in sums.iter_mut().zip(others.as_chunks::<LANES>().0) {
        with(simd.load(sums), simd.load(others)).store(sums);
    }
}

const _: () = assert!(PANEL.is_multiple_of(LANES));
