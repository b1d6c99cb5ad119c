//! Layer normalization.

use crate::instruction_set::{InstructionSet, dispatch};
use crate::lanes::{LANES, Lanes, Simd};

/// Values that one turn of a loop handles: fewer turns, fewer interruption checks.
const STEP: usize = 16;

/// Parameters of a layer normalization over rows of one length.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerNorm {
    gamma: Vec<f32>,
    beta: Vec<f32>,
    epsilon: f32,
    set: InstructionSet,
}

impl LayerNorm {
    /// `None` unless `gamma` and `beta` have the same length, which is that of the rows.
    pub fn new(gamma: Vec<f32>, beta: Vec<f32>, epsilon: f32) -> Option<Self> {
        let set = InstructionSet::available();
        (gamma.len() == beta.len()).then_some(Self { gamma, beta, epsilon, set })
    }

    /// Computes with `set`, or with scalar code if the processor does not have it.
    pub fn on(self, set: InstructionSet) -> Self {
        Self { set, ..self }
    }

    /// Length of the rows.
    pub fn width(&self) -> usize {
        self.gamma.len()
    }

    /// Replaces each row of `rows` by `(row - mean) / √(variance + ε) · γ + β`.
    pub fn apply(&self, rows: &mut [f32]) {
        dispatch!(self.set, simd => {
            simd.vectorize(#[inline(always)] || {
                for row in rows.chunks_exact_mut(self.width().max(1)) {
                    self.normalize(simd, row);
                }
            });
        });
    }

    /// Adds `residual` to `rows` and normalizes the sums; what the shorter of the two lacks is
    /// left alone.
    pub fn add_and_apply(&self, rows: &mut [f32], residual: &[f32]) {
        let width = self.width().max(1);
        dispatch!(self.set, simd => {
            simd.vectorize(#[inline(always)] || {
                let pairs = rows.chunks_exact_mut(width).zip(residual.chunks_exact(width));
                for (row, residual) in pairs {
                    add(simd, row, residual);
                    self.normalize(simd, row);
                }
            });
        });
    }

    #[inline(always)]
    fn normalize<S: Simd>(&self, simd: S, row: &mut [f32]) {
        let count = row.len() as f32;
        let mean = fold(
            simd,
            row,
            0.0,
            #[inline(always)]
            |sum, x| sum.add(x),
        ) / count;
        let center = simd.splat(mean);
        let squares = fold(
            simd,
            row,
            mean,
            #[inline(always)]
            |sum, x| {
                let distance = x.sub(center);
                distance.mul_add(distance, sum)
            },
        );
        let inverse = 1.0 / (squares / count + self.epsilon).sqrt();
        self.scale(row, simd.splat(mean), simd.splat(inverse));
    }

    #[inline(always)]
    fn scale<L: Lanes>(&self, row: &mut [f32], mean: L, inverse: L) {
        let (chunks, rest) = row.as_chunks_mut::<STEP>();
        let (gammas, last_gammas) = self.gamma.as_chunks::<STEP>();
        let (betas, last_betas) = self.beta.as_chunks::<STEP>();
        for ((x, gamma), beta) in chunks.iter_mut().zip(gammas).zip(betas) {
            let (x, _) = x.as_chunks_mut::<LANES>();
            let ((gamma, _), (beta, _)) = (gamma.as_chunks::<LANES>(), beta.as_chunks::<LANES>());
            for ((x, gamma), beta) in x.iter_mut().zip(gamma).zip(beta) {
                scale(mean, inverse, x, [gamma, beta]);
            }
        }
        for ((x, gamma), beta) in rest.iter_mut().zip(last_gammas).zip(last_betas) {
            let mut lanes = [*x; LANES];
            scale(mean, inverse, &mut lanes, [&[*gamma; LANES], &[*beta; LANES]]);
            *x = lanes[0];
        }
    }
}

#[inline(always)]
fn scale<L: Lanes>(mean: L, inverse: L, x: &mut [f32; LANES], [gamma, beta]: [&[f32; LANES]; 2]) {
    let simd = mean.simd();
    let normal = simd.load(x).sub(mean).mul(inverse);
    normal.mul_add(simd.load(gamma), simd.load(beta)).store(x);
}

/// Sums up what `step` adds for each value, from zero; `absent` adds nothing.
#[inline(always)]
fn fold<S: Simd>(
    simd: S,
    row: &[f32],
    absent: f32,
    step: impl Fn(S::Lanes, S::Lanes) -> S::Lanes,
) -> f32 {
    let mut sums = [simd.splat(0.0); STEP / LANES];
    let (chunks, rest) = row.as_chunks::<STEP>();
    for values in chunks {
        take(simd, &mut sums, values, &step);
    }
    if !rest.is_empty() {
        let mut last = [absent; STEP];
        last[..rest.len()].copy_from_slice(rest);
        take(simd, &mut sums, &last, &step);
    }
    total(&sums)
}

#[inline(always)]
fn take<S: Simd>(
    simd: S,
    sums: &mut [S::Lanes; STEP / LANES],
    values: &[f32; STEP],
    step: &impl Fn(S::Lanes, S::Lanes) -> S::Lanes,
) {
    let (values, _) = values.as_chunks::<LANES>();
    for (sum, values) in sums.iter_mut().zip(values) {
        *sum = step(*sum, simd.load(values));
    }
}

/// The sum of the lanes of one, two or four.
#[inline(always)]
fn total<L: Lanes>(sums: &[L]) -> f32 {
    match sums {
        [a, b, c, d] => a.add(*b).add(c.add(*d)).sum(),
        [a, b] => a.add(*b).sum(),
        _ => sums[0].sum(),
    }
}

#[inline(always)]
fn add<S: Simd>(simd: S, row: &mut [f32], others: &[f32]) {
    let (chunks, rest) = row.as_chunks_mut::<STEP>();
    let (other_chunks, other_rest) = others.as_chunks::<STEP>();
    for (values, others) in chunks.iter_mut().zip(other_chunks) {
        let (values, _) = values.as_chunks_mut::<LANES>();
        let (others, _) = others.as_chunks::<LANES>();
        for (value, other) in values.iter_mut().zip(others) {
            simd.load(value).add(simd.load(other)).store(value);
        }
    }
    for (value, other) in rest.iter_mut().zip(other_rest) {
        *value += other;
    }
}
