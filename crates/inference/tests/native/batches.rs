//! A call gives the same bits in any batch.

use std::cell::Cell;

use pilotlight_inference::{Alone, Backend, InstructionSet, Model, Precision, Workers};
use pilotlight_testing::encoder;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::{
    Call, Outcome, Threads, alone, backend, default_file, floats, load, together,
};

fn calls(vocabulary: i64, longest: usize) -> impl Strategy<Value = Vec<Call>> {
    let text = vec(0..vocabulary, 1..longest);
    let call =
        (vec(text, 1..4), 0..encoder::SEGMENTS, 0usize..9).prop_map(|(texts, segment, padding)| {
            let longest = texts.iter().map(Vec::len).max().unwrap_or_default();
            Call { texts, segment, length: longest + padding }
        });
    vec(call, 1..12)
}

fn bits(outcome: &Outcome) -> Vec<Vec<u32>> {
    let outputs = outcome.as_ref().unwrap().iter();
    outputs.map(|output| floats(output).into_iter().map(f32::to_bits).collect()).collect()
}

fn check(model: &dyn Model, calls: &[Call], threads: usize) {
    let expected: Vec<_> = calls.iter().map(|call| bits(&alone(model, call))).collect();
    let found = together(model, calls, &Threads(threads));
    let found: Vec<_> = found.iter().map(bits).collect();
    assert!(found == expected, "{threads} threads");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn calls_give_the_same_bits_in_any_batch(
        calls in calls(encoder::VOCABULARY, 70),
        threads in 1usize..5,
        precision in prop::sample::select(&Precision::ALL[..]),
        set in prop::sample::select(InstructionSet::ALL),
    ) {
        let model = backend(set).load("g", encoder::file(), precision.into()).unwrap();
        check(&*model, &calls, threads);
    }
}

/// Runs another batch between the stages.
struct Nested<'a> {
    model: &'a dyn Model,
    calls: &'a [Call],
    expected: &'a [Vec<Vec<u32>>],
    asked: Cell<u32>,
}

impl Workers for Nested<'_> {
    fn threads(&self) -> usize {
        2
    }

    fn share(&self, count: usize, part: &(dyn Fn(usize) + Sync)) {
        Threads(2).share(count, part);
    }

    fn interleave(&self, _: u32) {
        self.asked.set(self.asked.get() + 1);
        let found: Vec<_> = together(self.model, self.calls, &Alone).iter().map(bits).collect();
        assert!(found == self.expected);
    }
}

#[test]
fn batches_between_stages_change_nothing() {
    let model = load(encoder::file(), Precision::Int4);
    let text = |length: i64| (0..length).map(|i| (i * 31 + length) % encoder::VOCABULARY).collect();
    let calls = |lengths: &[i64]| -> Vec<Call> {
        lengths.iter().map(|length| Call::of(&Vec::from_iter::<Vec<i64>>(text(*length)))).collect()
    };
    let alone = |calls: &[Call]| -> Vec<_> {
        calls.iter().map(|call| bits(&alone(&*model, call))).collect()
    };
    let (long, short) = (calls(&[300, 9]), calls(&[5, 40, 1]));
    let expected = alone(&short);
    let (calls, asked) = (&short[..], Cell::new(0));
    let workers = Nested { model: &*model, calls, expected: &expected, asked };
    let found: Vec<_> = together(&*model, &long, &workers).iter().map(bits).collect();
    assert!(found == alone(&long));
    assert!(workers.asked.get() > 2);
}

#[test]
fn the_default_model_gives_the_same_bits_in_any_batch() {
    for precision in Precision::ALL {
        let model = load(default_file(), precision);
        let text =
            |length: i64| (0..length).map(|i| (i * 7919 + length) % 16_000).collect::<Vec<_>>();
        let call = |lengths: &[i64], length| Call {
            texts: lengths.iter().map(|length| text(*length)).collect(),
            segment: 0,
            length,
        };
        let calls = [call(&[43], 43), call(&[8, 100], 112), call(&[1, 2, 3], 3), call(&[257], 257)];
        check(&*model, &calls, 3);
    }
}
