//! Each instruction set beside scalar code: the same bits.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use bytes::Bytes;
use pilotlight_kernels::{
    Attention, AttentionScratch, ColumnsMut, Epilogue, Error, F32Weights, Heads, InstructionSet,
    Int4Weights, Int8Weights, LayerNorm, Nibbles, Rows, Scratch, Then, Weights, WeightsForm,
    WeightsLayout, linear, linear_columns,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// More than the tokens and the width of a head.
const TOKENS: usize = if cfg!(miri) { 5 } else { 40 };

const REFERENCE: InstructionSet = InstructionSet::ALL[0];

fn others() -> impl Iterator<Item = InstructionSet> {
    InstructionSet::ALL[1..].iter().copied().filter(|set| set.is_available())
}

/// The same number, or neither is one.
fn same(a: &[f32], b: &[f32]) -> bool {
    let alike = |(a, b): (&f32, &f32)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
    a.len() == b.len() && a.iter().zip(b).all(alike)
}

/// A product: its sizes, what it is computed of, and what follows it.
#[derive(Debug, Clone)]
struct Case {
    rows: usize,
    outputs: usize,
    inputs: usize,
    block: usize,
    x: Vec<f32>,
    weights: Vec<f32>,
    codes: Vec<u8>,
    scales: Vec<f32>,
    then: usize,
}

impl Case {
    fn packed(&self, set: InstructionSet) -> [Weights; 3] {
        let sizes = [self.outputs, self.inputs];
        let nibbles =
            Nibbles { sizes, block: self.block, codes: &self.codes, scales: &self.scales };
        [
            Weights::Int4(Int4Weights::pack_on(set, &nibbles).unwrap()),
            Weights::Int8(Int8Weights::quantize_on(set, sizes, &self.weights).unwrap()),
            Weights::F32(F32Weights::pack_on(set, sizes, &self.weights).unwrap()),
        ]
    }

    fn output(&self, weights: &Weights) -> Vec<f32> {
        let bias: Vec<f32> = (0..self.outputs).map(|index| index as f32 / 8.0 - 1.0).collect();
        let residual: Vec<f32> =
            (0..self.rows * self.outputs).map(|index| (index % 17) as f32).collect();
        let then = [Then::Store, Then::Gelu, Then::Add(&residual)][self.then];
        let epilogue = Epilogue { bias: (self.then > 0).then_some(&bias), then };
        let mut out = vec![f32::NAN; self.rows * self.outputs];
        linear(&self.x, self.rows, weights, &epilogue, &mut Scratch::default(), &mut out).unwrap();
        out
    }
}

/// Values as they come, alike, of any size, and no numbers.
fn value() -> impl Strategy<Value = f32> {
    prop_oneof![
        40 => -3.0f32..3.0,
        10 => Just(0.0f32),
        5 => -300.0f32..300.0,
        1 => prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL,
    ]
}

fn cases() -> impl Strategy<Value = Case> {
    let block = prop_oneof![Just(16usize), Just(32), Just(48), Just(128)];
    // Interpreted, everything takes thousands of times as long.
    let [rows, outputs, inputs]: [usize; 3] = if cfg!(miri) { [3, 5, 40] } else { [30, 80, 150] };
    (1..rows, 1..outputs, 0..inputs, block, 0usize..3).prop_flat_map(
        |(rows, outputs, inputs, block, then)| {
            let blocks = outputs * inputs.div_ceil(block);
            let special = prop_oneof![
                8 => Just(None),
                1 => Just(Some(f32::NAN)),
                1 => Just(Some(f32::INFINITY)),
                1 => Just(Some(f32::MAX))
            ];
            let x = (vec(value(), rows * inputs), special).prop_map(|(mut x, special)| {
                if let (Some(special), Some(first)) = (special, x.first_mut()) {
                    *first = special;
                }
                x
            });
            (
                x,
                vec(-1.0f32..1.0, outputs * inputs),
                vec(any::<u8>(), blocks * block / 2),
                vec(-1.0f32..1.0, blocks),
            )
                .prop_map(move |(x, weights, codes, scales)| Case {
                    rows,
                    outputs,
                    inputs,
                    block,
                    x,
                    weights,
                    codes,
                    scales,
                    then,
                })
        },
    )
}

/// The same bytes, so many after the beginning of a cache line.
fn placed(bytes: &[u8], offset: usize) -> Bytes {
    const LINE: usize = 64;
    let mut room = vec![0; bytes.len() + 2 * LINE];
    let start = room.as_ptr().align_offset(LINE) + offset;
    room[start..start + bytes.len()].copy_from_slice(bytes);
    Bytes::from(room).slice(start..start + bytes.len())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 96 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn products_have_the_same_bits_on_all_instruction_sets(case in cases()) {
        let expected = case.packed(REFERENCE).map(|weights| case.output(&weights));
        for set in others() {
            for (weights, expected) in case.packed(set).iter().zip(&expected) {
                let found = case.output(weights);
                prop_assert!(same(&found, expected), "{set}: {found:?} {expected:?}");
            }
        }
    }

    #[test]
    fn rows_have_the_same_bits_in_any_company(
        case in cases(),
        order in any::<prop::sample::Index>(),
        set in prop::sample::select(InstructionSet::ALL),
    ) {
        let row = order.index(case.rows);
        let x = &case.x[row * case.inputs..][..case.inputs];
        let alone = Case { rows: 1, x: x.to_vec(), then: case.then % 2, ..case.clone() };
        let case = Case { then: case.then % 2, ..case };
        for weights in case.packed(set) {
            let together = case.output(&weights);
            let expected = &together[row * case.outputs..][..case.outputs];
            prop_assert!(same(&alone.output(&weights), expected), "{set}");
        }
    }

    #[test]
    fn columns_have_the_same_bits_apart(case in cases(), at in 0usize..4) {
        let step = pilotlight_kernels::COLUMN_STEP;
        let case = Case { then: 0, ..case };
        for weights in case.packed(InstructionSet::available()) {
            let expected = case.output(&weights);
            let mut out = vec![f32::NAN; expected.len()];
            let all = ColumnsMut::new(&mut out, case.rows, case.outputs).unwrap();
            let (left, right) = all.split_at(at * step);
            for mut part in [right, left] {
                let mut scratch = Scratch::default();
                if !part.columns().is_empty() {
                    let epilogue = Epilogue::default();
                    linear_columns(&case.x, &weights, &epilogue, &mut scratch, &mut part).unwrap();
                }
            }
            prop_assert!(same(&out, &expected));
        }
    }

    #[test]
    fn bytes_of_weights_are_weights_again(
        case in cases(),
        set in prop::sample::select(InstructionSet::ALL),
    ) {
        for weights in case.packed(set) {
            let (layout, bytes) = (weights.layout(), weights.as_bytes());
            let again = Weights::from_bytes(layout, bytes).unwrap();
            prop_assert_eq!(again.as_bytes(), bytes);
            prop_assert!(same(&case.output(&again), &case.output(&weights)));
            let longer = [bytes[0], &[0]].concat();
            let refused = Weights::from_bytes(layout, [&longer, bytes[1]]);
            let is_length = matches!(refused, Err(Error::Length { .. }));
            prop_assert!(is_length);
            let outputs = layout.sizes[0] + 100;
            let larger = WeightsLayout { sizes: [outputs, layout.sizes[1]], ..layout };
            prop_assert!(case.inputs == 0 || Weights::from_bytes(larger, bytes).is_err());
        }
    }

    #[test]
    fn shared_bytes_are_read_where_they_are_unless_they_lie_across_cache_lines(
        case in cases(),
        set in prop::sample::select(InstructionSet::ALL),
    ) {
        for weights in case.packed(set) {
            let [blocks, units] = weights.as_bytes();
            prop_assert_eq!(weights.layout().lengths().unwrap(), [blocks.len(), units.len()]);
            for (offset, is_shared) in [(0, true), (4, false)] {
                let bytes = weights.as_bytes().map(|bytes| placed(bytes, offset));
                let again = Weights::from_shared(weights.layout(), bytes.clone()).unwrap();
                prop_assert_eq!(again.as_bytes(), weights.as_bytes());
                for (found, given) in again.as_bytes().iter().zip(&bytes) {
                    let same_place = found.as_ptr() == given.as_ptr();
                    prop_assert!(given.is_empty() || same_place == is_shared);
                }
                prop_assert!(same(&case.output(&again), &case.output(&weights)));
            }
        }
    }

    #[test]
    fn any_bytes_are_weights(
        case in cases(),
        seed: u8,
        set in prop::sample::select(InstructionSet::ALL),
    ) {
        for weights in case.packed(set) {
            let garbage = weights.as_bytes().map(|bytes| {
                let byte = |index: usize| (index * 151 + usize::from(seed) * 7) as u8;
                (0..bytes.len()).map(byte).collect::<Vec<u8>>()
            });
            let bytes = garbage.each_ref().map(|bytes| &bytes[..]);
            let weights = Weights::from_bytes(weights.layout(), bytes).unwrap();
            case.output(&weights);
        }
    }

    #[test]
    fn functions_have_the_same_bits_on_all_instruction_sets(
        (tokens, width, x) in (1..TOKENS, 1..TOKENS).prop_flat_map(|(tokens, width)| {
            (Just(tokens), Just(width), vec(value(), tokens * 3 * width))
        }),
    ) {
        let rows = [0, 1, 2].map(|part| Rows {
            values: &x,
            stride: 3 * width,
            start: part * width,
        });
        let heads = Heads { count: 1, width };
        let attention = Attention::new(tokens, heads, rows, 0.25).unwrap();
        let mask: Vec<f32> = (0..tokens).map(|key| (key % 3) as f32).collect();
        let attention = attention.masked(&mask).unwrap();
        let attend = |set| {
            let mut out = vec![f32::NAN; tokens * width];
            attention.compute_on(set, &mut AttentionScratch::default(), &mut out);
            out
        };
        let parameter = |seed: usize| (0..3 * width).map(|i| ((i * seed) % 13) as f32).collect();
        let norm = LayerNorm::new(parameter(7), parameter(5), 1e-3).unwrap();
        let normalize = |set| {
            let mut out = x.clone();
            norm.clone().on(set).add_and_apply(&mut out, &x);
            out
        };
        for set in others() {
            prop_assert!(same(&attend(set), &attend(REFERENCE)), "{set}");
            prop_assert!(same(&normalize(set), &normalize(REFERENCE)), "{set}");
        }
    }

    #[test]
    fn heads_have_the_same_bits_apart_and_together(
        (tokens, heads, middle, x) in (1..TOKENS, 1usize..5, 1..TOKENS).prop_flat_map(
            |(tokens, count, width)| {
                let heads = Heads { count, width };
                (Just(tokens), Just(heads), 0..=count, vec(value(), tokens * 3 * count * width))
            },
        ),
    ) {
        let width = heads.count * heads.width;
        let rows = [0, 1, 2].map(|part| Rows { values: &x, stride: 3 * width, start: part * width });
        let attention = Attention::new(tokens, heads, rows, 0.25).unwrap();
        for &set in InstructionSet::ALL.iter().filter(|set| set.is_available()) {
            let mut scratch = AttentionScratch::default();
            let mut together = vec![f32::NAN; tokens * width];
            attention.compute_on(set, &mut scratch, &mut together);
            let mut apart = vec![f32::NAN; tokens * width];
            let columns = ColumnsMut::new(&mut apart, tokens, width).unwrap();
            let (mut left, mut right) = columns.split_at(middle * heads.width);
            attention.compute_heads(set, &mut scratch, &mut right).unwrap();
            attention.compute_heads(set, &mut scratch, &mut left).unwrap();
            prop_assert!(same(&apart, &together), "{set}");
        }
    }
}

/// Sums of products of the largest codes, of either sign, with which 16 bits are nearly full.
#[test]
fn extremes_have_the_same_bits_on_all_instruction_sets() {
    let (rows, outputs, inputs, block) = if cfg!(miri) { (2, 5, 64, 32) } else { (7, 35, 96, 32) };
    let signs: [fn(usize) -> f32; 4] = [
        |_| 1.0,
        |_| -1.0,
        |index| if index.is_multiple_of(2) { 1.0 } else { -1.0 },
        |index| if index / 2 % 2 == 0 { 1.0 } else { -1.0 },
    ];
    let fill = |sign: fn(usize) -> f32, count| (0..count).map(sign).collect::<Vec<f32>>();
    let signs = if cfg!(miri) { &signs[..1] } else { &signs };
    for (x, weights) in signs.iter().flat_map(|x| signs.iter().map(|weights| (*x, *weights))) {
        for code in [0x00, 0xff, 0x0f, 0xf0] {
            let case = Case {
                rows,
                outputs,
                inputs,
                block,
                x: fill(x, rows * inputs),
                weights: fill(weights, outputs * inputs),
                codes: vec![code; outputs * inputs / 2],
                scales: fill(weights, outputs * inputs / block),
                then: 0,
            };
            let expected = case.packed(REFERENCE).map(|weights| case.output(&weights));
            // What the scalar sums have to be, as nothing is rounded.
            let first: f32 = (0..inputs).map(|index| x(index) * weights(index)).sum();
            assert_eq!(expected[2][0], first);
            for set in others() {
                let found = case.packed(set).map(|weights| case.output(&weights));
                assert_eq!(found, expected, "{set}, {code:x}");
            }
        }
    }
}

#[test]
fn weights_for_another_processor_are_refused() {
    for &set in InstructionSet::ALL.iter().filter(|set| !set.is_available()) {
        let layout = WeightsLayout { form: WeightsForm::F32, sizes: [0, 0], set };
        assert_eq!(
            Weights::from_bytes(layout, [&[], &[]]).unwrap_err(),
            Error::InstructionSet(set.name())
        );
    }
    let layout =
        WeightsLayout { form: WeightsForm::Int4 { block: 8 }, sizes: [1, 1], set: REFERENCE };
    assert_eq!(Weights::from_bytes(layout, [&[], &[]]).unwrap_err(), Error::Block(8));
    let form = WeightsForm::F32;
    let layout = WeightsLayout { form, sizes: [usize::MAX, 2], set: REFERENCE };
    assert_eq!(Weights::from_bytes(layout, [&[], &[]]).unwrap_err(), Error::Size);
}

#[test]
fn columns_begin_at_a_multiple_of_their_step() {
    let weights = Weights::F32(F32Weights::pack(64, 1, &[1.0; 64]).unwrap());
    let mut out = [0.0; 64];
    let (_, mut right) = ColumnsMut::new(&mut out, 1, 64).unwrap().split_at(5);
    let (epilogue, mut scratch) = (Epilogue::default(), Scratch::default());
    let refused = linear_columns(&[1.0], &weights, &epilogue, &mut scratch, &mut right);
    assert_eq!(refused.unwrap_err(), Error::Columns(5));
}

#[test]
fn columns_of_an_attention_are_whole_heads_of_its_matrix() {
    let x = [0.0; 2 * 24];
    let rows = [0, 1, 2].map(|part| Rows { values: &x, stride: 24, start: part * 8 });
    let attention = Attention::new(2, Heads { count: 2, width: 4 }, rows, 1.0).unwrap();
    let refused = |matrix: &mut [f32], stride: usize, column| {
        let rows = matrix.len() / stride;
        let (_, mut right) = ColumnsMut::new(matrix, rows, stride).unwrap().split_at(column);
        let mut scratch = AttentionScratch::default();
        attention.compute_heads(REFERENCE, &mut scratch, &mut right).err()
    };
    assert_eq!(refused(&mut [0.0; 16], 8, 4), None);
    assert_eq!(refused(&mut [0.0; 16], 8, 3), Some(Error::Heads { column: 3, width: 4 }));
    let length = |what, expected, found| Some(Error::Length { what, expected, found });
    assert_eq!(refused(&mut [0.0; 24], 8, 0), length("rows of the output", 2, 3));
    assert_eq!(refused(&mut [0.0; 8], 4, 0), length("columns of the output", 8, 4));
}

/// On an emulator without the instructions, other tests would only test slower sets.
#[test]
fn the_processor_has_the_instruction_set_that_the_run_requires() {
    if let Ok(required) = std::env::var("PILOTLIGHT_REQUIRE_CPU") {
        assert_eq!(InstructionSet::available().name(), required);
    }
}

#[test]
fn the_fastest_instruction_set_is_taken_up_to_a_limit() {
    let available = InstructionSet::available();
    assert!(available.is_available());
    assert_eq!(InstructionSet::with_at_most(available), available);
    assert_eq!(InstructionSet::with_at_most(REFERENCE), REFERENCE);
    for set in InstructionSet::ALL.iter().filter(|set| set.is_available()) {
        assert_eq!(InstructionSet::with_at_most(*set), *set);
    }
}
