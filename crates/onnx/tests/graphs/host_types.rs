//! Inputs and outputs that are cast to types that `wasi:nn` has.

use pilotlight_onnx::proto::{GraphProto, ModelProto, TensorProto};
use pilotlight_onnx::{decode, encode, import, signature_of, to_host_types};
use tract_core::internal::*;

use crate::support::{Plan, model, node, nodes, value};

const U8: i32 = 2;
const I8: i32 = 3;
const I16: i32 = 5;
const I32: i32 = 6;
const F32: i32 = 1;
const BOOL: i32 = 9;

/// `y = not x`, `z = -w`, and `v` as it is.
fn graph() -> ModelProto {
    model(GraphProto {
        node: vec![node("Not", &["x"], "y"), node("Neg", &["w"], "z")],
        input: vec![value("x", BOOL, &["n"]), value("w", I8, &["n"]), value("v", I16, &["n"])],
        output: vec![value("y", BOOL, &["n"]), value("z", I8, &["n"]), value("v", I16, &["n"])],
        ..Default::default()
    })
}

fn elements(model: &ModelProto) -> [Vec<i32>; 2] {
    let imported = import(model.clone()).unwrap();
    [imported.inputs, imported.outputs].map(|ports| ports.iter().map(|port| port.element).collect())
}

#[test]
fn bool_int8_and_int16_are_cast_and_still_declared() {
    let mut model = graph();
    let declared = signature_of(&model);
    assert!(to_host_types(&mut model));
    let model = decode(&encode(&model)[..]).unwrap();
    assert_eq!(elements(&model), [vec![U8, I32, I32], vec![U8, I32, I32]]);
    assert_eq!(signature_of(&model), declared);
    let plan = Plan::of(model);
    let outputs = plan.run_all([
        tensor1(&[0u8, 1, 1]),
        tensor1(&[-127i32, 0, 127]),
        tensor1(&[-32_768i32, 1, 32_767]),
    ]);
    let expected =
        [tensor1(&[1u8, 0, 0]), tensor1(&[127i32, 0, -127]), tensor1(&[-32_768i32, 1, 32_767])];
    assert_eq!(outputs, expected);
}

#[test]
fn a_constant_that_is_an_output_is_cast() {
    let constant = TensorProto {
        name: "y".into(),
        dims: vec![2],
        data_type: BOOL,
        raw_data: vec![1, 0].into(),
        ..Default::default()
    };
    let mut model = model(GraphProto {
        initializer: vec![constant],
        output: vec![value("y", BOOL, &["2"])],
        ..Default::default()
    });
    assert!(to_host_types(&mut model));
    assert_eq!(Plan::of(model).run([]), tensor1(&[1u8, 0]));
}

#[test]
fn a_graph_whose_types_the_host_has_stays_as_it_is() {
    let mut model = model(GraphProto {
        node: vec![node("Neg", &["x"], "y")],
        input: vec![value("x", F32, &["n"])],
        output: vec![value("y", F32, &["n"])],
        ..Default::default()
    });
    let before = model.clone();
    assert!(!to_host_types(&mut model));
    assert_eq!(model, before);
    assert_eq!(nodes(&model).len(), 1);
}
