//! Graphs of token classifiers in the forms that exporters give them.

use pilotlight_onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
    TensorProto, ValueInfoProto,
};
use pilotlight_onnx::{
    Encoder, Precision, Wanted, adapt, decode, decode_with, encode, import, lower_encoder,
    widen_halves,
};
use tract_core::internal::*;

use crate::support::{Plan, floats, int, model, node, noise, value};

const VOCABULARY: i64 = 10;
const LABELS: usize = 3;
const I32: i32 = 6;
const I64: i32 = 7;
const F16: i32 = 10;

/// `logits = table[input_ids] · attention_mask`; a column for each label.
fn graph() -> ModelProto {
    model(GraphProto {
        node: vec![
            node("Gather", &["table", "input_ids"], "embedded"),
            with(int("to", 1), node("Cast", &["attention_mask"], "mask")),
            node("Unsqueeze", &["mask", "last"], "column"),
            node("Mul", &["embedded", "column"], "masked"),
            node("MatMul", &["masked", "weights"], "logits"),
        ],
        initializer: vec![
            floats("table", &[VOCABULARY, 4], &noise(40, 1)),
            floats("weights", &[4, LABELS as i64], &noise(12, 2)),
            TensorProto {
                name: "last".into(),
                dims: vec![1],
                data_type: I64,
                int64_data: vec![-1],
                ..Default::default()
            },
        ],
        input: ["input_ids", "attention_mask"].map(|name| value(name, I64, &["b", "s"])).to_vec(),
        output: vec![value("logits", 1, &["b", "s", "3"])],
        ..Default::default()
    })
}

fn with(attribute: AttributeProto, node: NodeProto) -> NodeProto {
    NodeProto { attribute: vec![attribute], ..node }
}

fn labels() -> Wanted {
    Wanted::PerToken { columns: Some(LABELS) }
}

/// The graph, changed, and what it is found to be.
fn adapted(change: impl FnOnce(&mut GraphProto)) -> (ModelProto, Encoder) {
    let mut model = graph();
    change(model.graph.as_mut().unwrap());
    let encoder = adapt(&mut model, &labels()).unwrap();
    // What has been adapted needs nothing more.
    let again = adapt(&mut model.clone(), &Wanted::PerToken { columns: None }).unwrap();
    assert_eq!(again, Encoder { changed: false, ..encoder.clone() });
    (model, encoder)
}

fn refusal(change: impl FnOnce(&mut GraphProto)) -> String {
    let mut model = graph();
    change(model.graph.as_mut().unwrap());
    adapt(&mut model, &labels()).unwrap_err().to_string()
}

fn logits(model: ModelProto, length: usize) -> Vec<f32> {
    let ids: Vec<i64> = (0..length as i64).map(|id| id % VOCABULARY).collect();
    let row = |values: &[i64]| Tensor::from_shape(&[1, length], values).unwrap();
    let output = Plan::of(model).run([row(&ids), row(&vec![1; length])]);
    assert_eq!(output.shape(), [1, length, LABELS]);
    crate::support::floats_of(&output)
}

fn input<'a>(graph: &'a mut GraphProto, name: &str) -> &'a mut ValueInfoProto {
    graph.input.iter_mut().find(|input| input.name == name).unwrap()
}

#[test]
fn a_graph_that_fits_stays_as_it_is() {
    let (model, encoder) = adapted(|_| {});
    assert_eq!(model, graph());
    assert_eq!(encoder.inputs, ["input_ids", "attention_mask"]);
    assert!(encoder.masked && !encoder.single && !encoder.changed);
    assert_eq!((encoder.length, encoder.vocabulary), (None, Some(VOCABULARY as usize)));
}

#[test]
fn tables_and_weights_that_are_nodes_are_seen_like_initializers() {
    let (_, encoder) = adapted(|graph| {
        for name in ["table", "weights"] {
            let place = graph.initializer.iter().position(|tensor| tensor.name == name).unwrap();
            let tensor = Some(graph.initializer.remove(place));
            let content =
                AttributeProto { name: "value".into(), t: tensor, r#type: 4, ..Default::default() };
            graph.node.insert(0, with(content, node("Constant", &[], name)));
        }
        graph.output = vec![value("logits", 1, &["b", "s", "labels"])];
    });
    assert_eq!(encoder.vocabulary, Some(VOCABULARY as usize));
    assert_eq!(encoder.outputs[0].columns, Some(LABELS));
}

#[test]
fn inputs_of_other_types_are_cast() {
    let expected = logits(graph(), 5);
    for element in [I32, 1, F16, 11] {
        let (model, _) = adapted(|graph| {
            *input(graph, "input_ids") = value("input_ids", I32, &["b", "s"]);
            *input(graph, "attention_mask") = value("attention_mask", element, &["b", "s"]);
        });
        assert_eq!(logits(model, 5), expected);
    }
}

#[test]
fn a_mask_that_nothing_or_only_its_shape_uses_masks_nothing() {
    let (model, encoder) = adapted(|graph| {
        graph.node[3] = node("Identity", &["embedded"], "masked");
    });
    assert!(!encoder.masked);
    assert_eq!(encoder.inputs, ["input_ids"]);
    assert_eq!(model.graph.unwrap().input.len(), 1);
    let (_, encoder) = adapted(|graph| {
        graph.node[1] = node("Shape", &["attention_mask"], "shape");
        graph.node[2] = node("ConstantOfShape", &["shape"], "ones");
        graph.node[3] = node("Unsqueeze", &["ones", "last"], "column");
        graph.node.insert(4, node("Add", &["embedded", "column"], "masked"));
    });
    assert!(!encoder.masked);
    assert_eq!(encoder.inputs, ["input_ids", "attention_mask"]);
}

#[test]
fn the_logits_are_found_among_the_outputs_by_their_columns() {
    let expected = logits(graph(), 4);
    let hidden = || value("embedded", 1, &["b", "s", "4"]);
    for first in [true, false] {
        for name in ["logits", "output_0"] {
            let (model, _) = adapted(|graph| {
                graph.node[4].output[0] = name.into();
                graph.output = vec![value(name, 1, &["b", "s", "3"])];
                graph.output.insert(if first { 0 } else { 1 }, hidden());
            });
            let outputs = &model.graph.as_ref().unwrap().output;
            assert_eq!((outputs.len(), &outputs[0].name[..]), (1, name));
            assert_eq!(logits(model, 4), expected);
        }
    }
    // A name says less than a number of columns does.
    let (model, _) = adapted(|graph| {
        graph.node[0].output[0] = "logits".into();
        graph.node[3].input[0] = "logits".into();
        graph.node[4].output[0] = "scores".into();
        graph.output =
            vec![value("logits", 1, &["b", "s", "4"]), value("scores", 1, &["b", "s", "labels"])];
    });
    assert_eq!(model.graph.unwrap().output[0].name, "scores");
}

#[test]
fn outputs_that_cannot_be_told_apart_are_named() {
    let both = |names: [&str; 2], columns: &str| {
        refusal(|graph| {
            graph.node[4].output[0] = names[0].into();
            graph.node.push(node("Neg", &[names[0]], names[1]));
            graph.output = names.map(|name| value(name, 1, &["b", "s", columns])).to_vec();
        })
    };
    let reason = both(["one", "two"], "3");
    assert!(reason.contains("one [b, s, 3], two [b, s, 3]"), "{reason}");
    let reason = both(["one", "two"], "4");
    assert!(reason.contains("none of the outputs one [b, s, 4]"), "{reason}");
}

#[test]
fn logits_of_one_sequence_without_batch_axis_get_one() {
    for opset in [11, 17] {
        let mut model = graph();
        model.opset_import = vec![OperatorSetIdProto { domain: String::new(), version: opset }];
        let graph = model.graph.as_mut().unwrap();
        graph.node[4].output[0] = "whole".into();
        let mut squeeze = node("Squeeze", &["whole"], "logits");
        if opset < 13 {
            let axes = |axis: i64| AttributeProto {
                name: "axes".into(),
                ints: vec![axis],
                r#type: 7,
                ..Default::default()
            };
            graph.node[2] = with(axes(-1), node("Unsqueeze", &["mask"], "column"));
            squeeze = with(axes(0), squeeze);
        }
        graph.node.push(squeeze);
        graph.output = vec![value("logits", 1, &["s", "3"])];
        let encoder = adapt(&mut model, &labels()).unwrap();
        assert!(encoder.single);
        assert_eq!(logits(model, 6).len(), 6 * LABELS);
    }
}

#[test]
fn dimensions_are_told_apart_whatever_they_are_called() {
    let expected = logits(graph(), 7);
    for dims in [["n", "n"], ["", ""], ["-1", "-1"], ["Batch Size", "Sequence-Length"], ["0", "s"]]
    {
        let (model, encoder) = adapted(|graph| {
            for name in ["input_ids", "attention_mask"] {
                *input(graph, name) = value(name, I64, &dims);
            }
            graph.output = vec![value("logits", 1, &[dims[0], dims[1], "3"])];
        });
        assert!(encoder.changed);
        let inputs = import(model.clone()).unwrap().inputs;
        assert!(inputs.iter().all(|port| port.dims == inputs[0].dims));
        assert_ne!(inputs[0].dims[0], inputs[0].dims[1]);
        assert_eq!(logits(model, 7), expected);
    }
}

#[test]
fn fixed_shapes_are_told_and_those_that_cannot_be_padded_to_are_refused() {
    let fix = |graph: &mut GraphProto, dims: [&str; 2]| {
        for name in ["input_ids", "attention_mask"] {
            *input(graph, name) = value(name, I64, &dims);
        }
    };
    let (model, encoder) = adapted(|graph| fix(graph, ["1", "8"]));
    assert_eq!((encoder.single, encoder.length), (true, Some(8)));
    let lowered = lower_encoder(model, &labels(), Precision::F32).unwrap();
    assert_eq!(lowered.length, Some(8));
    assert_eq!(lowered.model.input_fact(0).unwrap().shape.as_concrete(), Some(&[1, 8][..]));
    let reason = refusal(|graph| fix(graph, ["4", "8"]));
    assert!(reason.contains("fixed batch of 4"), "{reason}");
    let reason = refusal(|graph| {
        fix(graph, ["b", "8"]);
        graph.node[3] = node("Identity", &["embedded"], "masked");
    });
    assert!(reason.contains("fixed length of 8 tokens"), "{reason}");
}

#[test]
fn constants_that_are_listed_as_inputs_are_no_inputs() {
    let mut model = graph();
    model.ir_version = 3;
    let graph = model.graph.as_mut().unwrap();
    graph.input.push(value("table", 1, &["10", "4"]));
    let encoder = adapt(&mut model, &labels()).unwrap();
    assert_eq!(encoder.inputs, ["input_ids", "attention_mask"]);
    assert_eq!(model.ir_version, 4);
}

#[test]
fn halves_become_floats_everywhere() {
    let half = |tensor: &mut TensorProto| {
        let values: Vec<f32> = tensor
            .raw_data
            .chunks_exact(4)
            .map(|four| f32::from_le_bytes(four.try_into().unwrap()))
            .collect();
        let bits = values.iter().map(|value| f16::from_f32(*value).to_bits());
        tensor.data_type = F16;
        tensor.raw_data = bits.flat_map(u16::to_le_bytes).collect::<Vec<u8>>().into();
    };
    let expected = logits(graph(), 5);
    let mut model = graph();
    let graph = model.graph.as_mut().unwrap();
    graph.initializer[..2].iter_mut().for_each(half);
    graph.node[1] = with(int("to", 10), node("Cast", &["attention_mask"], "mask"));
    graph.output = vec![value("logits", F16, &["b", "s", "3"])];
    // As it is, only its output is cast.
    let mut unchanged = model.clone();
    adapt(&mut unchanged, &labels()).unwrap();
    assert_eq!(import(unchanged).unwrap().outputs[0].element, 1);
    widen_halves(&mut model);
    assert!(!adapt(&mut model, &labels()).unwrap().changed);
    let found = logits(model, 5);
    let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-2;
    assert!(found.iter().zip(&expected).all(near), "{found:?} is not {expected:?}");
}

/// The graph with two constants in `data`, at the offsets that are returned.
fn external() -> (ModelProto, Vec<u8>) {
    let mut model = graph();
    let mut data = vec![7; 16];
    for tensor in &mut model.graph.as_mut().unwrap().initializer[..2] {
        let entry = |key: &str, value: String| StringStringEntryProto { key: key.into(), value };
        tensor.data_location = 1;
        tensor.external_data = vec![
            entry("location", "weights.bin".into()),
            entry("offset", data.len().to_string()),
            entry("length", tensor.raw_data.len().to_string()),
        ];
        data.extend_from_slice(&std::mem::take(&mut tensor.raw_data));
        data.extend([7; 4]);
    }
    (model, data)
}

fn set(model: &mut ModelProto, key: &str, value: &str) {
    let tensor = &mut model.graph.as_mut().unwrap().initializer[0];
    let entry = tensor.external_data.iter_mut().find(|entry| entry.key == key).unwrap();
    entry.value = value.into();
}

#[test]
fn data_in_files_beside_the_model_is_moved_into_it() {
    let (model, data) = external();
    assert!(decode(&encode(&model)[..]).is_err());
    for piece in [1, 7, 64, 4096] {
        let mut asked = Vec::new();
        let mut read = |name: &str| {
            asked.push(name.to_owned());
            Ok(data.chunks(piece).map(<[u8]>::to_vec).collect())
        };
        let (whole, external) = decode_with(&encode(&model)[..], &mut read).unwrap();
        assert!(external);
        assert_eq!(whole, graph());
        assert_eq!(asked, ["weights.bin"]);
    }
    let (_, external) = decode_with(&encode(&graph())[..], &mut |_| unreachable!()).unwrap();
    assert!(!external);
}

#[test]
fn data_beyond_its_file_or_of_another_size_is_refused_by_name() {
    let cases = [
        ("offset", "100000", "bytes 100000"),
        ("offset", "18446744073709551615", "bytes 18446744073709551615"),
        ("offset", "-1", "offset \"-1\" is not a number"),
        ("length", "12", "length is 12, but shape [10, 4] takes 160 bytes"),
    ];
    for (key, text, expected) in cases {
        let (mut model, data) = external();
        set(&mut model, key, text);
        let error = decode_with(&encode(&model)[..], &mut |_| Ok(vec![data.clone()]));
        let error = error.unwrap_err().to_string();
        assert!(error.contains("tensor table") && error.contains(expected), "{error}");
    }
    let (mut model, _) = external();
    set(&mut model, "location", "/etc/passwd");
    let mut refuse = |name: &str| Err(format!("{name} is not for you"));
    let error = decode_with(&encode(&model)[..], &mut refuse).unwrap_err().to_string();
    assert!(error.contains("\"/etc/passwd\": /etc/passwd is not for you"), "{error}");
}
