use pilotlight_onnx::proto::{GraphProto, TensorProto};
use pilotlight_onnx::{Dim, Port, import};
use tract_core::internal::tensor2;

use crate::support::{
    LABELS, Plan, default_model, floats_of, ids, largest_difference, model, node, value,
};

#[test]
fn three_rows_at_once_are_three_rows_one_by_one() {
    let plan = Plan::of(default_model());
    for length in [1, 2, 43, 64] {
        let rows: Vec<Vec<i64>> = (0..3).map(|seed| ids(length, seed)).collect();
        let together = plan.logits(&rows);
        assert_eq!(together.len(), 3 * length * LABELS);
        for (row, together) in rows.iter().zip(together.chunks_exact(length * LABELS)) {
            let alone = plan.logits(std::slice::from_ref(row));
            let difference = largest_difference(&alone, together);
            assert!(difference < 1e-4, "{difference} at length {length}");
        }
    }
}

#[test]
fn padding_that_is_masked_changes_no_row_beside_it() {
    let plan = Plan::of(default_model());
    let rows: Vec<Vec<i64>> = [5, 43, 17].iter().map(|length| ids(*length, 9)).collect();
    let pad = |row: &[i64]| [row, &vec![0; 43 - row.len()]].concat();
    let masks: Vec<Vec<i64>> = rows.iter().map(|row| pad(&vec![1; row.len()])).collect();
    let padded: Vec<Vec<i64>> = rows.iter().map(|row| pad(row)).collect();
    let together = plan.masked_logits(&padded, &masks);
    for (row, together) in rows.iter().zip(together.chunks_exact(43 * LABELS)) {
        let alone = plan.logits(std::slice::from_ref(row));
        let difference = largest_difference(&alone, &together[..alone.len()]);
        assert!(difference < 1e-4, "{difference} at length {}", row.len());
    }
}

#[test]
fn the_ports_of_the_default_model_are_those_it_declares() {
    let imported = import(default_model()).unwrap();
    let named = |name: &str| Dim::Named(name.into());
    let (batch, length) = (named("batch_size"), named("sequence_length"));
    let port = |name: &str, element, dims| Port { name: String::from(name), element, dims };
    let inputs = ["input_ids", "attention_mask", "token_type_ids"];
    let inputs = inputs.map(|name| port(name, 7, vec![batch.clone(), length.clone()]));
    assert_eq!(imported.inputs, inputs);
    let logits = port("logits", 1, vec![batch, length, Dim::Fixed(LABELS as i64)]);
    assert_eq!(imported.outputs, [logits]);
}

#[test]
fn several_outputs_keep_their_order_and_get_what_is_computed() {
    let graph = GraphProto {
        node: vec![node("Shape", &["x"], "shape"), node("Neg", &["x"], "minus")],
        input: vec![value("x", 1, &["rows", "", "4"])],
        output: vec![value("minus", 1, &["a", "b", "5"]), value("shape", 7, &["3"])],
        ..Default::default()
    };
    let imported = import(model(graph)).unwrap();
    assert_eq!(imported.inputs[0].dims, [Dim::Named("rows".into()), Dim::Any, Dim::Fixed(4)]);
    let [minus, shape] = &imported.outputs[..] else { panic!("{:?}", imported.outputs) };
    assert_eq!((&minus.name[..], minus.element, &minus.dims[2]), ("minus", 1, &Dim::Fixed(4)));
    assert_eq!(
        (&shape.name[..], shape.element, &shape.dims[..]),
        ("shape", 7, &[Dim::Fixed(3)][..])
    );
}

#[test]
fn ends_that_no_axis_reaches_stand_for_the_end() {
    let bound = |name: &str, value: i64| TensorProto {
        name: name.into(),
        dims: vec![1],
        data_type: 7,
        int64_data: vec![value],
        ..Default::default()
    };
    for end in [1_000_000_000, i64::from(i32::MAX), i64::MAX] {
        let graph = GraphProto {
            node: vec![node("Slice", &["x", "start", "end", "axis"], "y")],
            initializer: vec![bound("start", 1), bound("end", end), bound("axis", 0)],
            input: vec![value("x", 1, &["rows", "2"])],
            output: vec![value("y", 1, &["", "2"])],
            ..Default::default()
        };
        let rows = tensor2(&[[1f32, 2.0], [3.0, 4.0], [5.0, 6.0]]);
        assert_eq!(floats_of(&Plan::of(model(graph)).run([rows])), [3.0, 4.0, 5.0, 6.0]);
    }
}
