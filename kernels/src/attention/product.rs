//! The product that both steps of an attention are made of.

use crate::lanes::Lanes;

/// Terms that one turn of the loop adds up; operands are padded with zeros to multiples of it.
/// Hosts that interrupt guests look whether to at each turn, and keep nothing in registers over it;
/// but they load all of a turn's operands before the first sum, and these must fit in registers.
/// A multiple of 4.
pub(super) const STEP: usize = 4;

/// Four rows of `4 · V` columns.
pub(super) type Tile<const V: usize> = [[Lanes; V]; 4];

/// `Σ a[k][row] · b[column][k][lane]`, over whole steps of the shortest operand.
#[inline(always)]
pub(super) fn product<const V: usize>(a: &[[f32; 4]], b: [&[[f32; 4]]; V]) -> Tile<V> {
    let (a, _) = a.as_chunks::<STEP>();
    let b = b.map(|b| b.as_chunks::<STEP>().0);
    let turns = b.iter().fold(a.len(), |least, b| least.min(b.len()));
    let b = b.map(|b| &b[..turns]);
    let mut sums = [[Lanes::splat(0.0); V]; 4];
    for (turn, a) in a[..turns].iter().enumerate() {
        for (step, a) in a.iter().enumerate() {
            let b: [Lanes; V] = std::array::from_fn(|column| Lanes::load(&b[column][turn][step]));
            for (sums, a) in sums.iter_mut().zip(Lanes::load(a).each()) {
                for (sum, b) in sums.iter_mut().zip(b) {
                    *sum = a.mul_add(b, *sum);
                }
            }
        }
    }
    sums
}
