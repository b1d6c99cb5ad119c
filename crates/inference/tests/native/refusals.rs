//! What is wrong with one call fails that call.

use pilotlight_inference::{Alone, Buffers, Model, Precision, Tensor};
use pilotlight_testing::encoder;

use crate::support::{Call, floats, load, tensor};

fn inputs(model: &dyn Model, ids: &[i64], mask: &[i64], segments: &[i64]) -> Vec<Tensor> {
    let values = |name: &str| match name {
        "input_ids" => ids,
        "attention_mask" => mask,
        _ => segments,
    };
    let ports = model.signature().inputs.iter();
    ports.map(|port| tensor(&[1, ids.len()], values(&port.name))).collect()
}

#[test]
fn calls_that_cannot_be_computed_fail_alone() {
    let model = load(encoder::file(), Precision::Int8);
    let good = Call::of(&[1, 2, 3]);
    let zeros = [0; 3];
    let calls = [
        (good.inputs(&*model), None),
        (inputs(&*model, &[1, 2, 3], &[1, 0, 1], &zeros), Some("row 0 is not ones and then zeros")),
        (inputs(&*model, &[1, 2, 3], &[0, 1, 1], &zeros), Some("begins with padding")),
        (inputs(&*model, &[1, 2, 3], &[0, 0, 0], &zeros), Some("begins with padding")),
        (inputs(&*model, &[1, 2, 3], &[1, 1, 2], &zeros), Some("row 0 is not ones and then zeros")),
        (inputs(&*model, &[1, 50, 3], &[1, 1, 1], &zeros), Some("token id 50 is not below 50")),
        (inputs(&*model, &[1, -1, 3], &[1, 1, 1], &zeros), Some("token id -1")),
        (inputs(&*model, &[1, 2, 3], &[1, 1, 1], &[0, 7, 0]), Some("")),
        (good.inputs(&*model), None),
    ];
    let together: Vec<&[Tensor]> = calls.iter().map(|(inputs, _)| &inputs[..]).collect();
    let outcomes = model.run_together(&together, &Buffers::new(0), &Alone);
    let expected = floats(&model.run(&calls[0].0, &Buffers::new(0)).unwrap()[0]);
    for ((_, reason), outcome) in calls.iter().zip(outcomes) {
        match (reason, outcome) {
            (None, Ok(outputs)) => assert_eq!(floats(&outputs[0]), expected),
            (Some(reason), Err(error)) => assert!(error.to_string().contains(reason), "{error}"),
            (reason, outcome) => panic!("{reason:?}: {outcome:?}"),
        }
    }
}

#[test]
fn what_lies_behind_a_text_is_not_looked_at() {
    let model = load(encoder::file(), Precision::F32);
    let inputs = inputs(&*model, &[1, 2, 99], &[1, 1, 0], &[0, 0, 99]);
    assert_eq!(model.tokens(&inputs), [2]);
    assert!(model.run(&inputs, &Buffers::new(0)).is_ok());
}

#[test]
fn batches_of_nothing_but_refused_calls_end() {
    let model = load(encoder::file(), Precision::F32);
    let refused = inputs(&*model, &[1], &[0], &[0]);
    let outcomes = model.run_together(&[&refused, &refused], &Buffers::new(0), &Alone);
    assert!(outcomes.len() == 2 && outcomes.iter().all(Result::is_err));
}
