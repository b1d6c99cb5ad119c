use std::ops::Range;

use crate::columns::ColumnsMut;
use crate::error::{Error, check_length};
use crate::gelu;
use crate::lanes::{LANES, Lanes as _, Simd};
use crate::sums::{PANEL, Sums, ZEROS};

/// Operations on sums `[rows, N]` before they are stored: `then(sums + bias)`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Epilogue<'a> {
    /// f32 `[N]`, added to each row.
    pub bias: Option<&'a [f32]>,
    /// Operation after the bias.
    pub then: Then<'a>,
}

/// Operation after the addition of the bias.
#[derive(Debug, Clone, Copy, Default)]
pub enum Then<'a> {
    /// No operation.
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
    // In WebAssembly, which has one instruction set, all forms share it.
    #[cfg_attr(target_family = "wasm", inline(never))]
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    pub(crate) fn store<S: Simd>(
        &self,
        simd: S,
        sums: &[Sums],
        unit: Option<&Sums>,
        (first, columns): (usize, Range<usize>),
        out: &mut ColumnsMut<'_>,
    ) {
        let mut bias = ZEROS;
        if let Some(all) = self.bias {
            copy(&mut bias, &all[columns.clone()]);
        }
        let terms = Terms { unit, bias: self.bias.map(|_| &bias), then: self.then };
        for (sums, row) in sums.iter().zip(first..) {
            let start = row * out.stride() + columns.start;
            let place = start..start + columns.len();
            match <&mut Sums>::try_from(out.part(row, &columns)) {
                Ok(line) => terms.finish(simd, sums, place, line),
                Err(_) => {
                    let mut line = ZEROS;
                    terms.finish(simd, sums, place, &mut line);
                    copy(out.part(row, &columns), &line);
                }
            }
        }
    }
}

/// What is done to each row's sums in a panel.
struct Terms<'a> {
    unit: Option<&'a Sums>,
    bias: Option<&'a Sums>,
    then: Then<'a>,
}

impl Terms<'_> {
    /// Finishes the sums of a row, which is `place` of the output.
    #[cfg_attr(target_family = "wasm", inline(never))]
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    fn finish<S: Simd>(&self, simd: S, sums: &Sums, place: Range<usize>, out: &mut Sums) {
        let mut residual = ZEROS;
        let residual = match self.then {
            Then::Add(all) => all[place.clone()].try_into().unwrap_or_else(|_| {
                copy(&mut residual, &all[place]);
                &residual
            }),
            _ => &residual,
        };
        for (index, out) in out.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            let load = |line: &Sums| simd.load(&line.as_chunks::<LANES>().0[index]);
            let mut value = load(sums);
            if let Some(unit) = self.unit {
                value = value.mul(load(unit));
            }
            if let Some(bias) = self.bias {
                value = value.add(load(bias));
            }
            let value = match self.then {
                Then::Store => value,
                Then::Gelu => gelu::of_lanes(value),
                Then::Add(_) => value.add(load(residual)),
            };
            value.store(out);
        }
    }
}

/// As many values as fit.
#[inline(always)]
fn copy(out: &mut [f32], values: &[f32]) {
    for (out, value) in out.iter_mut().zip(values) {
        *out = *value;
    }
}

const _: () = assert!(PANEL.is_multiple_of(LANES));
