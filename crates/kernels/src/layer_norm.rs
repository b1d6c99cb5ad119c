//! Layer normalization.

use crate::lanes::Lanes;

/// Parameters of a layer normalization over rows of one length.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerNorm {
    gamma: Vec<f32>,
    beta: Vec<f32>,
    epsilon: f32,
}

impl LayerNorm {
    /// `None` unless `gamma` and `beta` have the same length, which is that of the rows.
    pub fn new(gamma: Vec<f32>, beta: Vec<f32>, epsilon: f32) -> Option<Self> {
        (gamma.len() == beta.len()).then_some(Self { gamma, beta, epsilon })
    }

    /// Length of the rows.
    pub fn width(&self) -> usize {
        self.gamma.len()
    }

    /// Replaces each row of `rows` by `(row - mean) / √(variance + ε) · γ + β`.
    pub fn apply(&self, rows: &mut [f32]) {
        for row in rows.chunks_exact_mut(self.width().max(1)) {
            self.normalize(row);
        }
    }

    /// Adds `residual` to `rows` and normalizes the sums; what the shorter of the two lacks is
    /// left alone.
    pub fn add_and_apply(&self, rows: &mut [f32], residual: &[f32]) {
        let width = self.width().max(1);
        for (row, residual) in rows.chunks_exact_mut(width).zip(residual.chunks_exact(width)) {
            add(row, residual);
            self.normalize(row);
        }
    }

    fn normalize(&self, row: &mut [f32]) {
        let count = row.len() as f32;
        let mean = fold(row, 0.0, |sum, x| sum.add(x)) / count;
        let center = Lanes::splat(mean);
        let squares = fold(row, mean, |sum, x| {
            let distance = x.sub(center);
            distance.mul_add(distance, sum)
        });
        let inverse = 1.0 / (squares / count + self.epsilon).sqrt();
        self.scale(row, mean, inverse);
    }

    fn scale(&self, row: &mut [f32], mean: f32, inverse: f32) {
        let (mean, inverse) = (Lanes::splat(mean), Lanes::splat(inverse));
        let scaled = |x: &mut [f32; 4], gamma: &[f32; 4], beta: &[f32; 4]| {
            let normal = Lanes::load(x).sub(mean).mul(inverse);
            normal.mul_add(Lanes::load(gamma), Lanes::load(beta)).store(x);
        };
        let (chunks, rest) = row.as_chunks_mut::<STEP>();
        let (gammas, last_gammas) = self.gamma.as_chunks::<STEP>();
        let (betas, last_betas) = self.beta.as_chunks::<STEP>();
        for ((x, gamma), beta) in chunks.iter_mut().zip(gammas).zip(betas) {
            let (x, _) = x.as_chunks_mut::<4>();
            let ((gamma, _), (beta, _)) = (gamma.as_chunks::<4>(), beta.as_chunks::<4>());
            for ((x, gamma), beta) in x.iter_mut().zip(gamma).zip(beta) {
                scaled(x, gamma, beta);
            }
        }
        for ((x, gamma), beta) in rest.iter_mut().zip(last_gammas).zip(last_betas) {
            let mut lanes = [*x; 4];
            scaled(&mut lanes, &[*gamma; 4], &[*beta; 4]);
            *x = lanes[0];
        }
    }
}

/// Values that one turn of a loop handles: fewer turns, fewer interruption checks.
const STEP: usize = 16;

/// Sums up what `step` adds for each value, from zero; `absent` adds nothing.
#[inline(always)]
fn fold(row: &[f32], absent: f32, step: impl Fn(Lanes, Lanes) -> Lanes) -> f32 {
    let mut sums = [Lanes::splat(0.0); STEP / 4];
    let mut add = |values: &[f32; STEP]| {
        let (values, _) = values.as_chunks::<4>();
        for (sum, values) in sums.iter_mut().zip(values) {
            *sum = step(*sum, Lanes::load(values));
        }
    };
    let (chunks, rest) = row.as_chunks::<STEP>();
    chunks.iter().for_each(&mut add);
    if !rest.is_empty() {
        let mut last = [absent; STEP];
        last[..rest.len()].copy_from_slice(rest);
        add(&last);
    }
    let [a, b, c, d] = sums;
    a.add(b).add(c.add(d)).sum()
}

fn add(row: &mut [f32], others: &[f32]) {
    let (chunks, rest) = row.as_chunks_mut::<STEP>();
    let (other_chunks, other_rest) = others.as_chunks::<STEP>();
    for (values, others) in chunks.iter_mut().zip(other_chunks) {
        let (values, _) = values.as_chunks_mut::<4>();
        let (others, _) = others.as_chunks::<4>();
        for (value, other) in values.iter_mut().zip(others) {
            Lanes::load(value).add(Lanes::load(other)).store(value);
        }
    }
    for (value, other) in rest.iter_mut().zip(other_rest) {
        *value += other;
    }
}
