//! Graphs of encoders whose outputs and inputs are not those of token classifiers.

use pilotlight_onnx::proto::{GraphProto, ModelProto};
use pilotlight_onnx::{EncoderOutput, Precision, Wanted, adapt, encode, lower_encoder, signature};
use tract_core::internal::*;
use tract_core::plan::SimplePlan;

use crate::support::{floats, floats_of, int, model, node, noise, value};

const I32: i32 = 6;
const I64: i32 = 7;
const F16: i32 = 10;

/// Token vectors `hidden`, `scores` and `start` for each token, `pooled` for each text.
fn graph() -> ModelProto {
    let mut first = node("Gather", &["hidden", "zero"], "first");
    first.attribute = vec![int("axis", 1)];
    model(GraphProto {
        node: vec![
            node("Gather", &["table", "token_ids"], "hidden"),
            node("MatMul", &["hidden", "weights"], "scores"),
            node("MatMul", &["hidden", "column"], "starts"),
            node("Squeeze", &["starts", "last"], "start"),
            first,
            node("MatMul", &["first", "weights"], "pooled"),
        ],
        initializer: vec![
            floats("table", &[10, 4], &noise(40, 1)),
            floats("weights", &[4, 3], &noise(12, 2)),
            floats("column", &[4, 1], &noise(4, 3)),
            integers("zero", &[], 0),
            integers("last", &[1], -1),
        ],
        input: vec![value("token_ids", I64, &["b", "s"])],
        output: vec![
            value("hidden", 1, &["b", "s", "4"]),
            value("scores", 1, &["b", "s", "3"]),
            value("start", 1, &["b", "s"]),
            value("pooled", 1, &["b", "3"]),
        ],
        ..Default::default()
    })
}

fn integers(name: &str, dims: &[i64], value: i64) -> pilotlight_onnx::proto::TensorProto {
    pilotlight_onnx::proto::TensorProto {
        name: name.into(),
        dims: dims.to_vec(),
        data_type: I64,
        int64_data: vec![value],
        ..Default::default()
    }
}

fn named(names: &[&str]) -> Wanted {
    Wanted::Named(names.iter().map(|name| (*name).to_owned()).collect())
}

fn output(name: &str, per_token: bool, columns: usize) -> EncoderOutput {
    EncoderOutput { name: name.into(), per_token, columns: Some(columns) }
}

/// The outputs for token ids, and what they are said to be.
fn run(model: ModelProto, wanted: &Wanted, ids: &[i64]) -> (Vec<Tensor>, Vec<EncoderOutput>) {
    let graph = lower_encoder(model, wanted, Precision::F32).unwrap();
    let values = graph.inputs.iter().map(|name| match &name[..] {
        "length" => tensor1(&[ids.len() as i64]).into_tvalue(),
        _ => Tensor::from_shape(&[1, ids.len()], ids).unwrap().into_tvalue(),
    });
    let values = values.collect();
    let plan = SimplePlan::new(graph.model.into_optimized().unwrap()).unwrap();
    let outputs = plan.run(values).unwrap();
    (outputs.into_iter().map(TValue::into_tensor).collect(), graph.outputs)
}

#[test]
fn named_outputs_come_in_the_order_of_their_names() {
    let wanted = named(&["pooled", "start", "hidden"]);
    let (tensors, outputs) = run(graph(), &wanted, &[1, 2, 3, 4, 5]);
    let shapes: Vec<&[usize]> = tensors.iter().map(Tensor::shape).collect();
    assert_eq!(shapes, [&[1, 3][..], &[1, 5], &[1, 5, 4]]);
    let expected =
        [output("pooled", false, 3), output("start", true, 1), output("hidden", true, 4)];
    assert_eq!(outputs, expected);
    let encoder = adapt(&mut graph(), &wanted).unwrap();
    assert_eq!(encoder.outputs, expected);
    assert_eq!(encoder.inputs, ["token_ids"]);
    assert!(encoder.changed && !encoder.masked);
    assert_eq!(encoder.vocabulary, Some(10));
}

#[test]
fn an_output_that_is_not_there_is_named_with_those_that_are() {
    let reason = adapt(&mut graph(), &named(&["logits"])).unwrap_err().to_string();
    assert!(reason.contains("no output is named logits; there are hidden [b, s, 4]"), "{reason}");
}

#[test]
fn the_row_of_a_text_is_found_among_the_rows_of_tokens() {
    for columns in [Some(3), None] {
        let (tensors, outputs) = run(graph(), &Wanted::PerText { columns }, &[7, 8]);
        assert_eq!(tensors[0].shape(), [1, 3]);
        assert_eq!(outputs, [output("pooled", false, 3)]);
    }
    let reason = adapt(&mut graph(), &Wanted::PerText { columns: Some(5) }).unwrap_err();
    let reason = reason.to_string();
    assert!(reason.contains("has 5 labels for each text"), "{reason}");
}

#[test]
fn one_number_for_each_text_becomes_a_column() {
    let mut model = graph();
    let graph = model.graph.as_mut().unwrap();
    graph.node[5] = node("MatMul", &["first", "column"], "scored");
    graph.node.push(node("Squeeze", &["scored", "last"], "pooled"));
    graph.output = vec![value("hidden", 1, &["b", "s", "4"]), value("pooled", 1, &["b"])];
    let wanted = Wanted::PerText { columns: Some(1) };
    let encoder = adapt(&mut model.clone(), &wanted).unwrap();
    assert_eq!(encoder.outputs, [output("pooled", false, 1)]);
    let (tensors, _) = run(model, &wanted, &[1, 2, 3]);
    assert_eq!(tensors[0].shape(), [1, 1]);
}

#[test]
fn outputs_of_other_types_keep_their_names() {
    let mut model = graph();
    let graph = model.graph.as_mut().unwrap();
    let mut half = node("Cast", &["scores"], "half");
    half.attribute = vec![int("to", F16.into())];
    graph.node.push(half);
    graph.output.push(value("half", F16, &["b", "s", "3"]));
    let encoder = adapt(&mut model, &named(&["half", "scores"])).unwrap();
    assert_eq!(encoder.outputs, [output("half", true, 3), output("scores", true, 3)]);
    // What has been adapted needs nothing more.
    let again = adapt(&mut model.clone(), &named(&["half", "scores"])).unwrap();
    assert!(!again.changed);
    let (tensors, _) = run(model, &named(&["half", "scores"]), &[3, 1]);
    assert_eq!(tensors[0].datum_type(), f32::datum_type());
    let (halves, floats) = (floats_of(&tensors[0]), floats_of(&tensors[1]));
    assert!(halves.iter().zip(&floats).all(|(a, b)| (a - b).abs() < 1e-2));
}

#[test]
fn lengths_have_a_batch_axis_alone_and_count_as_a_mask() {
    let mut model = graph();
    let graph = model.graph.as_mut().unwrap();
    let mut number = node("Cast", &["length"], "number");
    number.attribute = vec![int("to", 1)];
    graph.node.push(number);
    graph.node.push(node("Unsqueeze", &["number", "last"], "factor"));
    graph.node.push(node("Mul", &["pooled", "factor"], "scaled"));
    graph.input.push(value("length", I32, &["n"]));
    graph.output = vec![value("scaled", 1, &["n", "3"])];
    let wanted = named(&["scaled"]);
    let encoder = adapt(&mut model.clone(), &wanted).unwrap();
    assert!(encoder.masked);
    assert_eq!(encoder.inputs, ["token_ids", "length"]);
    let (tensors, _) = run(model.clone(), &wanted, &[1, 2, 3]);
    assert_eq!(tensors[0].shape(), [1, 3]);
    model.graph.as_mut().unwrap().input[1] = value("length", I32, &["n", "1"]);
    let reason = adapt(&mut model, &wanted).unwrap_err().to_string();
    assert!(reason.contains("input length has 2 dimensions, not the batch alone"), "{reason}");
}

#[test]
fn the_signature_is_read_without_weights_and_without_listed_constants() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let mut model = graph();
    model.graph.as_mut().unwrap().input.push(value("table", 1, &["10", "4"]));
    let file = encode(&model);
    std::fs::write(&path, &file).unwrap();
    let found = signature(&path).unwrap();
    assert_eq!(found.inputs.len(), 1);
    assert_eq!((&found.inputs[0].name[..], found.inputs[0].element), ("token_ids", I64));
    let names: Vec<&str> = found.outputs.iter().map(|port| &port.name[..]).collect();
    assert_eq!(names, ["hidden", "scores", "start", "pooled"]);
    assert_eq!(found.outputs[0].dims, Some(vec![None, None, Some(4)]));
    for length in [0, 5, file.len() / 2, file.len() - 1] {
        std::fs::write(&path, &file[..length]).unwrap();
        let reason = signature(&path).unwrap_err().to_string();
        assert!(reason.contains("no graph") || reason.contains("cut short"), "{length}: {reason}");
    }
    let reason = signature(&folder.path().join("other.onnx")).unwrap_err().to_string();
    assert!(reason.contains("cannot be read"), "{reason}");
}
