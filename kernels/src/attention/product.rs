//! The product that both steps of an attention are made of.

use crate::lanes::Lanes;

/// Terms that one turn of the loop adds up: fewer turns, fewer interruption checks.
const STEP: usize = 4;

/// Four rows of `4 · V` columns.
pub(super) type Tile<const V: usize> = [[Lanes; V]; 4];

/// `Σ a[k][row] · b[column][k][lane]`: four rows by `4 · V` columns, of as many terms as the
/// shortest operand has.
#[inline(always)]
pub(super) fn product<const V: usize>(a: &[[f32; 4]], b: [&[[f32; 4]]; V]) -> Tile<V> {
    let terms = b.iter().fold(a.len(), |least, b| least.min(b.len()));
    let mut sums = [[Lanes::splat(0.0); V]; 4];
    let (steps, rest) = a[..terms].as_chunks::<STEP>();
    let wide: [&[[[f32; 4]; STEP]]; V] = b.map(|b| &b.as_chunks::<STEP>().0[..steps.len()]);
    for (turn, a) in steps.iter().enumerate() {
        for step in 0..STEP {
            accumulate(
                &mut sums,
                &a[step],
                std::array::from_fn(|column| &wide[column][turn][step]),
            );
        }
    }
    let done = steps.len() * STEP;
    for (k, a) in rest.iter().enumerate() {
        accumulate(&mut sums, a, b.map(|b| &b[done + k]));
    }
    sums
}

#[inline(always)]
fn accumulate<const V: usize>(sums: &mut Tile<V>, a: &[f32; 4], b: [&[f32; 4]; V]) {
    let b = b.map(Lanes::load);
    for (sums, a) in sums.iter_mut().zip(a) {
        for (sum, b) in sums.iter_mut().zip(b) {
            *sum = Lanes::splat(*a).mul_add(b, *sum);
        }
    }
}
