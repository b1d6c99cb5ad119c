//! Each form in SIMD beside its scalar reference.

use proptest::array::uniform32;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{Float, Form as _, Int4, Int8, add, add_reference};
use crate::blocks::float::{self, WIDTH, WeightBlock};
use crate::blocks::int4::{OpenBlock, PackedBlock, RowBlock};
use crate::blocks::int8::{self, WeightBlock as Int8Block};
use crate::blocks::{Codes, DEPTH, QUAD, STEP, STEPS, repeated};
use crate::simd;
use crate::sums::{PANEL, ROWS, Sums};

const BLOCKS: usize = 4;

/// Values as they come, of any size, all alike, and no numbers.
fn values() -> impl Strategy<Value = [f32; DEPTH]> {
    prop_oneof![
        4 => uniform32(-3.0f32..3.0),
        1 => uniform32(prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::ZERO),
        1 => uniform32(prop::num::f32::ANY),
        1 => prop_oneof![Just(0.0), Just(f32::MAX), Just(-1e-30), Just(1e-45)].prop_map(|x| [x; DEPTH]),
    ]
}

/// Codes as they come, and the largest and smallest.
fn codes<T: Copy + std::fmt::Debug + 'static>(
    all: std::ops::RangeInclusive<T>,
) -> impl Strategy<Value = [T; DEPTH]>
where
    std::ops::RangeInclusive<T>: Strategy<Value = T>,
{
    let extremes = [*all.start(), *all.end()].map(|code| Just([code; DEPTH]));
    let [least, most] = extremes;
    prop_oneof![3 => uniform32(all), 1 => least, 1 => most]
}

/// The codes of four columns, in the order in which kernels read them.
fn columns<T: Copy>(columns: &[[T; DEPTH]; QUAD]) -> Codes<T> {
    let step =
        |step| std::array::from_fn(|place| columns[place / STEP][step * STEP + place % STEP]);
    Codes(std::array::from_fn::<_, STEPS, _>(step))
}

/// A tile's rows `[BLOCKS, rows]`, and weights `[BLOCKS]`.
fn tiles<X: std::fmt::Debug, W: std::fmt::Debug>(
    x: impl Strategy<Value = X> + Clone,
    weights: impl Strategy<Value = W> + Clone,
) -> impl Strategy<Value = (usize, Vec<X>, Vec<W>)> {
    (1..=ROWS).prop_flat_map(move |rows| {
        (Just(rows), vec(x.clone(), BLOCKS * rows), vec(weights.clone(), BLOCKS))
    })
}

fn int4_row() -> impl Strategy<Value = RowBlock> + Clone {
    // A row's block is made of values, so that its correction fits its codes.
    values()
        .prop_map(|values| {
            let mut block = RowBlock::ZEROS;
            block.quantize(&values.map(|x| if x.is_finite() { x.clamp(-1e9, 1e9) } else { 1.0 }));
            block
        })
        .boxed()
}

fn int4_weights() -> impl Strategy<Value = OpenBlock> + Clone {
    let four = [codes(0i8..=15), codes(0..=15), codes(0..=15), codes(0..=15)];
    (four, prop::array::uniform4(-32767i16..=32767))
        .prop_map(|(codes, scales)| OpenBlock {
            codes: columns(&codes),
            scales: std::array::from_fn(|lane| scales[lane / 2]),
        })
        .boxed()
}

fn int8_row() -> impl Strategy<Value = int8::RowBlock> + Clone {
    // Scales that are powers of two round nothing.
    (codes(0u8..=127), 0u8..=127, prop_oneof![Just(1.0f32), Just(0.5), Just(0.0)])
        .prop_map(|(codes, zero_point, scale)| int8::RowBlock {
            codes: repeated(&codes),
            offset: [-f32::from(zero_point); QUAD],
            scale: [scale; QUAD],
        })
        .boxed()
}

fn int8_weights() -> impl Strategy<Value = Int8Block> + Clone {
    let four = [codes(i8::MIN..=i8::MAX), codes(-127..=127), codes(-127..=127), codes(i8::MIN..=0)];
    four.prop_map(|columns| {
        let mut block = Int8Block::ZEROS;
        for (column, codes) in columns.iter().enumerate() {
            block.set(column, 0.5, codes);
        }
        block
    })
    .boxed()
}

fn near(found: &Sums, expected: &Sums, sizes: &Sums) -> bool {
    let all = found.0.iter().flatten().zip(expected.0.iter().flatten());
    all.zip(sizes.0.iter().flatten()).all(|((a, b), size)| (a - b).abs() <= 1e-6 * size)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_get_the_same_codes(values in values()) {
        let (mut found, mut expected) = (RowBlock::ZEROS, RowBlock::ZEROS);
        Int4::convert(&values, &mut found);
        expected.quantize(&values);
        prop_assert_eq!(format!("{found:?}"), format!("{expected:?}"));

        let (mut found, mut expected) = (int8::RowBlock::ZEROS, int8::RowBlock::ZEROS);
        Int8::convert(&values, &mut found);
        expected.quantize(&values);
        prop_assert_eq!(format!("{found:?}"), format!("{expected:?}"));
    }

    #[test]
    fn weights_are_opened_the_same(
        codes in prop::array::uniform4(prop::array::uniform16(any::<u8>())),
        scales: [i16; QUAD],
    ) {
        let packed = PackedBlock { codes, scales };
        let (mut found, mut expected) = (OpenBlock::ZEROS, OpenBlock::ZEROS);
        simd::int4::open(&packed, &mut found);
        packed.open(&mut expected);
        prop_assert_eq!(found.codes, expected.codes);
        prop_assert_eq!(found.scales, expected.scales);
    }

    #[test]
    fn int4_sums_differ_by_their_rounding(
        (rows, x, weights) in tiles(int4_row(), int4_weights()),
        quad in 0..PANEL / QUAD,
    ) {
        let (mut found, mut expected, mut sizes) = (Sums::ZEROS, Sums::ZEROS, Sums::ZEROS);
        add::<Int4>(&x, rows, &weights, quad * QUAD, &mut found);
        add_reference::<Int4>(&x, rows, &weights, quad * QUAD, &mut expected);
        // What the codes amount to if nothing cancels.
        for (x, weights) in x.chunks(rows).zip(&weights) {
            for (x, sums) in x.iter().zip(&mut sizes.0) {
                for (column, dot) in weights.dots(x).iter().enumerate() {
                    sums[quad * QUAD + column] += (*dot as f32 * x.scale[0]).abs();
                }
            }
        }
        prop_assert!(near(&found, &expected, &sizes), "{:?} {:?}", found, expected);
    }

    #[test]
    fn int8_sums_differ_by_their_rounding(
        (rows, x, weights) in tiles(int8_row(), int8_weights()),
        quad in 0..PANEL / QUAD,
    ) {
        let (mut found, mut expected) = (Sums::ZEROS, Sums::ZEROS);
        add::<Int8>(&x, rows, &weights, quad * QUAD, &mut found);
        add_reference::<Int8>(&x, rows, &weights, quad * QUAD, &mut expected);
        let most = (127 * 128 * DEPTH * BLOCKS) as f32;
        prop_assert!(near(&found, &expected, &Sums([[most; PANEL]; ROWS])), "{found:?} {expected:?}");
    }

    #[test]
    fn f32_sums_differ_by_their_rounding(
        (rows, x, weights) in tiles(
            uniform32(-3.0f32..3.0).prop_map(float::RowBlock).boxed(),
            vec(prop::array::uniform8(-3.0f32..3.0), DEPTH).boxed(),
        ),
        half in 0..PANEL / WIDTH,
    ) {
        let block = |inputs: &Vec<[f32; WIDTH]>| WeightBlock(std::array::from_fn(|i| inputs[i]));
        let weights: Vec<WeightBlock> = weights.iter().map(block).collect();
        let (mut found, mut expected) = (Sums::ZEROS, Sums::ZEROS);
        add::<Float>(&x, rows, &weights, half * WIDTH, &mut found);
        add_reference::<Float>(&x, rows, &weights, half * WIDTH, &mut expected);
        let sizes = Sums([[(9 * DEPTH * BLOCKS) as f32; PANEL]; ROWS]);
        prop_assert!(near(&found, &expected, &sizes), "{:?} {:?}", found, expected);
    }
}
