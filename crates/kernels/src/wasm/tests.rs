//! Each form in SIMD beside its scalar reference.

use proptest::array::uniform32;
use proptest::collection::vec;
use proptest::prelude::*;

use super::WebAssembly;
use super::rows::{Int4Row, Int8Row};
use crate::blocks::float::{self, WeightBlock};
use crate::blocks::int4::{self, OpenBlock, PackedBlock};
use crate::blocks::int8::{self, Pack as _, WeightBlock as Int8Block};
use crate::blocks::{DEPTH, QUAD, STEP, STEPS};
use crate::form::{Float, Form, Int4, Int8};
use crate::grid::Columns;
use crate::sums::{Sums, ZEROS};

/// The most rows of a tile.
const ROWS: usize = 8;
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
fn columns<T: Copy>(columns: &[[T; DEPTH]; QUAD]) -> [[T; QUAD * STEP]; STEPS] {
    let step =
        |step| std::array::from_fn(|place| columns[place / STEP][step * STEP + place % STEP]);
    std::array::from_fn::<_, STEPS, _>(step)
}

/// Each step four times.
fn repeated<T: Copy>(codes: &[T; DEPTH]) -> [[T; QUAD * STEP]; STEPS] {
    let step = |step| std::array::from_fn(|place| codes[step * STEP + place % STEP]);
    std::array::from_fn(step)
}

impl From<int4::RowBlock> for Int4Row {
    fn from(row: int4::RowBlock) -> Self {
        Self {
            codes: repeated(&row.codes),
            correction: std::array::from_fn(|lane| row.halves[lane % 2]),
            scale: [row.scale; QUAD],
        }
    }
}

impl From<int8::RowBlock> for Int8Row {
    fn from(row: int8::RowBlock) -> Self {
        Self { codes: repeated(&row.codes), offset: [row.offset; QUAD], scale: [row.scale; QUAD] }
    }
}

/// The sums of a tile's rows, `[BLOCKS, rows]`, with weights, `[BLOCKS]`.
fn found<F, R: Copy + Into<<WebAssembly as Form<F>>::Row>>(
    rows: usize,
    x: &[R],
    weights: &[<WebAssembly as Form<F>>::Columns],
) -> Vec<Sums>
where
    WebAssembly: Form<F>,
{
    let x: Vec<_> = x.iter().map(|x| (*x).into()).collect();
    let mut sums = vec![ZEROS; rows];
    let columns = Columns { blocks: weights, count: BLOCKS, span: 0..BLOCKS };
    WebAssembly.add(&x, &columns, &mut sums);
    sums
}

/// What `add_block` makes of them.
fn expected<X, W>(
    rows: usize,
    x: &[X],
    weights: &[W],
    add_block: impl Fn(&W, &X, &mut Sums),
) -> Vec<Sums> {
    let mut sums = vec![ZEROS; rows];
    for (x, weights) in x.chunks(rows).zip(weights) {
        for (x, sums) in x.iter().zip(&mut sums) {
            add_block(weights, x, sums);
        }
    }
    sums
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

fn int4_row() -> impl Strategy<Value = int4::RowBlock> + Clone {
    // A row's block is made of values, so that its correction fits its codes.
    values()
        .prop_map(|values| {
            let mut block = int4::RowBlock::ZEROS;
            block.quantize(&values.map(|x| if x.is_finite() { x.clamp(-1e9, 1e9) } else { 1.0 }));
            block
        })
        .boxed()
}

fn int4_weights() -> impl Strategy<Value = OpenBlock<QUAD, 16>> + Clone {
    let four = [codes(0i8..=15), codes(0..=15), codes(0..=15), codes(0..=15)];
    (four, prop::array::uniform4(-32767i16..=32767))
        .prop_map(|(codes, scales)| OpenBlock {
            codes: columns(&codes),
            scales: scales.map(|scale| [scale; 2]),
        })
        .boxed()
}

fn int8_row() -> impl Strategy<Value = int8::RowBlock> + Clone {
    // Scales that are powers of two round nothing.
    (codes(0u8..=127), 0u8..=127, prop_oneof![Just(1.0f32), Just(0.5), Just(0.0)])
        .prop_map(|(codes, zero_point, scale)| int8::RowBlock {
            codes,
            offset: -f32::from(zero_point),
            scale,
        })
        .boxed()
}

fn int8_weights() -> impl Strategy<Value = Int8Block<QUAD, 16>> + Clone {
    let four = [codes(i8::MIN..=i8::MAX), codes(-127..=127), codes(-127..=127), codes(i8::MIN..=0)];
    four.prop_map(|columns| {
        let mut block =
            Int8Block { codes: [[0; 16]; STEPS], scales: [0.0; QUAD], totals: [0; QUAD] };
        for (column, codes) in columns.iter().enumerate() {
            block.set(column, 0.5, codes);
        }
        block
    })
    .boxed()
}

fn near(found: &[Sums], expected: &[Sums], sizes: &[Sums]) -> bool {
    let all = found.iter().flatten().zip(expected.iter().flatten());
    all.zip(sizes.iter().flatten()).all(|((a, b), size)| (a - b).abs() <= 1e-6 * size)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_get_the_same_codes(values in values()) {
        let (mut found, mut expected) = (Int4Row::ZEROS, int4::RowBlock::ZEROS);
        Form::<Int4>::convert(WebAssembly, &values, &mut found);
        expected.quantize(&values);
        prop_assert_eq!(format!("{found:?}"), format!("{:?}", Int4Row::from(expected)));

        let (mut found, mut expected) = (Int8Row::ZEROS, int8::RowBlock::ZEROS);
        Form::<Int8>::convert(WebAssembly, &values, &mut found);
        expected.quantize(&values);
        prop_assert_eq!(format!("{found:?}"), format!("{:?}", Int8Row::from(expected)));
    }

    #[test]
    fn weights_are_opened_the_same(
        codes in prop::array::uniform4(prop::array::uniform16(any::<u8>())),
        scales: [i16; QUAD],
    ) {
        let packed = PackedBlock { codes, scales };
        let zeros = OpenBlock { codes: [[0; 16]; STEPS], scales: [[0; 2]; QUAD] };
        let (mut found, mut expected) = (zeros, zeros);
        super::int4::open(&packed, &mut found);
        packed.open(&mut expected);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn int4_sums_differ_by_their_rounding((rows, x, weights) in tiles(int4_row(), int4_weights())) {
        let found = found::<Int4, _>(rows, &x, &weights);
        let reference = expected(rows, &x, &weights, |weights, x, sums| weights.add_to::<false>(x, sums));
        // What the codes amount to if nothing cancels.
        let sizes = expected(rows, &x, &weights, |weights, x, sums| {
            for (sum, dot) in sums.iter_mut().zip(weights.dots(x)) {
                *sum += (dot as f32 * x.scale).abs();
            }
        });
        prop_assert!(near(&found, &reference, &sizes), "{:?} {:?}", found, reference);
    }

    #[test]
    fn int8_sums_differ_by_their_rounding((rows, x, weights) in tiles(int8_row(), int8_weights())) {
        let found = found::<Int8, _>(rows, &x, &weights);
        let reference = expected(rows, &x, &weights, |weights, x, sums| weights.add_to::<false>(x, sums));
        let most = (127 * 128 * DEPTH * BLOCKS) as f32;
        let sizes = vec![[most; 16]; rows];
        prop_assert!(near(&found, &reference, &sizes), "{:?} {:?}", found, reference);
    }

    #[test]
    fn f32_sums_differ_by_their_rounding(
        (rows, x, weights) in tiles(
            uniform32(-3.0f32..3.0).prop_map(float::RowBlock).boxed(),
            vec(prop::array::uniform8(-3.0f32..3.0), DEPTH).boxed(),
        ),
    ) {
        let block = |inputs: &Vec<[f32; 8]>| WeightBlock::<8>(std::array::from_fn(|i| inputs[i]));
        let weights: Vec<_> = weights.iter().map(block).collect();
        let found = found::<Float, _>(rows, &x, &weights);
        let reference = expected(rows, &x, &weights, |weights, x, sums| weights.add_to::<false>(x, sums));
        let sizes = vec![[(9 * DEPTH * BLOCKS) as f32; 16]; rows];
        prop_assert!(near(&found, &reference, &sizes), "{:?} {:?}", found, reference);
    }
}
