//! Model folders in the forms that exporters give them, computed in the sandbox's way.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::fs;

use pilotlight_guest::engine::Placement;
use pilotlight_guest::model::{Model, TextModel, Usage};
use pilotlight_guest::tasks::token_classification::Parameters;
use pilotlight_model::{Digest, ModelFolder};
use pilotlight_onnx::proto::{GraphProto, ModelProto, StringStringEntryProto};
use pilotlight_testing::tiny_model::{
    config, floats, folder, graph, int, node, seal, tensor_value,
};
use tempfile::TempDir;

const I32: i32 = 6;
const I64: i32 = 7;
const F16: i32 = 10;

fn open(folder: &TempDir) -> Result<TextModel, String> {
    let folder = ModelFolder::open(folder.path()).map_err(|error| error.to_string())?;
    let model = Model::load(&folder, Placement::default()).map_err(|error| error.to_string())?;
    match model {
        Model::Text(model) => Ok(*model),
        Model::Voice(_) | Model::Speech(_) | Model::Tensors(_) => {
            Err("it reads no texts".to_owned())
        }
    }
}

fn check_answer(folder: &TempDir) {
    let pipeline = open(folder).unwrap_or_else(|error| panic!("{error}"));
    let texts = ["Ada met Paris", "Paris"];
    let found = pipeline.classify(&texts, &Parameters::default(), &mut Usage::default()).unwrap();
    let words = |index: usize| -> Vec<(&str, &str)> {
        let entities = found[index].iter();
        entities.map(|e| (e.entity_group.as_deref().unwrap(), &e.word[..])).collect()
    };
    assert_eq!(words(0), [("PER", "ada"), ("LOC", "paris")]);
    assert_eq!(words(1), [("LOC", "paris")]);
}

/// Checks the answer of the tiny model after a change to its graph.
fn check(change: impl FnOnce(&mut GraphProto)) {
    let mut model = graph();
    change(model.graph.as_mut().unwrap());
    check_answer(&folder(&model));
}

/// Has the attention mask take the scores of padding away.
fn use_mask(graph: &mut GraphProto) {
    let mut to = node("Cast", &["attention_mask"], "mask");
    to.attribute.push(int("to", 1));
    let mut axis = floats("axis", &[1], &[]);
    axis.data_type = I64;
    axis.raw_data = (-1i64).to_le_bytes().to_vec().into();
    graph.initializer.push(axis);
    graph.node.insert(0, to);
    graph.node.insert(1, node("Unsqueeze", &["mask", "axis"], "column"));
    graph.node.push(node("Mul", &["scores", "column"], "logits"));
    let scores = graph.node.iter_mut().find(|node| node.op_type == "Add").unwrap();
    scores.output[0] = "scores".into();
}

#[test]
fn a_table_may_have_any_number_of_spare_rows() {
    for spare in [1, 127, 128, 1000] {
        check(|graph| {
            let table = &mut graph.initializer[0];
            table.dims[0] += spare;
            let mut values = table.raw_data.to_vec();
            values.resize(values.len() + spare as usize * 32 * 4, 0);
            table.raw_data = values.into();
        });
    }
}

#[test]
fn inputs_may_be_of_int32_and_positions_may_be_one_of_them() {
    check(|graph| {
        graph.input = ["input_ids", "attention_mask"]
            .map(|name| tensor_value(name, I32, &["b", "s"]))
            .to_vec();
    });
    for element in [I32, I64] {
        check(|graph| {
            let mut positions = node("Gather", &["places", "position_ids"], "placed");
            positions.attribute.push(int("axis", 0));
            graph.node.push(positions);
            let scores = graph.node.iter_mut().find(|node| node.op_type == "Add").unwrap();
            scores.output[0] = "scores".into();
            graph.node.push(node("Add", &["scores", "placed"], "logits"));
            graph.initializer.push(floats("places", &[16, 3], &[0.25; 48]));
            graph.input.push(tensor_value("position_ids", element, &["b", "s"]));
        });
    }
}

#[test]
fn positions_of_roberta_begin_behind_the_padding_token() {
    let mut model = graph();
    let parts = model.graph.as_mut().unwrap();
    parts.node.push(node("Gather", &["places", "position_ids"], "placed"));
    parts.node[2].output[0] = "scores".into();
    parts.node.push(node("Add", &["scores", "placed"], "logits"));
    // Whoever looks up the first two rows finds places everywhere.
    let mut places = vec![0.0; 18 * 3];
    (places[2], places[5]) = (100.0, 100.0);
    parts.initializer.push(floats("places", &[18, 3], &places));
    parts.input.push(tensor_value("position_ids", I64, &["b", "s"]));
    let folder = folder(&model);
    let mut config = config();
    config["model_type"] = "xlm-roberta".into();
    config["pad_token_id"] = 1.into();
    fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    seal(folder.path());
    check_answer(&folder);
}

#[test]
fn weights_and_logits_may_be_halves() {
    let halves = |graph: &mut GraphProto| {
        for tensor in &mut graph.initializer {
            let values = tensor.raw_data.chunks_exact(4);
            // 0, 1 and 8 are all that there is.
            let half = |four: &[u8]| match f32::from_le_bytes(four.try_into().unwrap()) {
                1.0 => 0x3c00u16,
                8.0 => 0x4800,
                _ => 0,
            };
            tensor.raw_data =
                values.flat_map(|four| half(four).to_le_bytes()).collect::<Vec<u8>>().into();
            tensor.data_type = F16;
        }
    };
    check(|graph| {
        halves(graph);
        graph.output = vec![tensor_value("logits", F16, &["b", "s", "3"])];
    });
    check(|graph| {
        halves(graph);
        graph.node[2].output[0] = "half".into();
        let mut cast = node("Cast", &["half"], "logits");
        cast.attribute.push(int("to", 1));
        graph.node.push(cast);
    });
}

#[test]
fn logits_may_be_any_of_several_outputs() {
    check(|graph| {
        graph.node[2].output[0] = "output_1".into();
        let hidden = tensor_value("embedded", 1, &["b", "s", "32"]);
        graph.output = vec![hidden, tensor_value("output_1", 1, &["b", "s", "3"])];
    });
    let mut model = graph();
    let parts = model.graph.as_mut().unwrap();
    parts.node[2].output[0] = "one".into();
    parts.node.push(node("Neg", &["one"], "two"));
    parts.output = ["one", "two"].map(|name| tensor_value(name, 1, &["b", "s", "3"])).to_vec();
    let reason = open(&folder(&model)).err().unwrap();
    assert!(reason.starts_with("model.onnx: each of the outputs one [b, s, 3], two"), "{reason}");
}

#[test]
fn logits_may_lack_the_batch_axis() {
    check(|graph| {
        graph.node[2].output[0] = "whole".into();
        let mut axis = floats("axis", &[1], &[]);
        axis.data_type = I64;
        axis.raw_data = 0i64.to_le_bytes().to_vec().into();
        graph.initializer.push(axis);
        graph.node.push(node("Squeeze", &["whole", "axis"], "logits"));
        graph.output = vec![tensor_value("logits", 1, &["s", "3"])];
    });
}

#[test]
fn shapes_may_be_fixed_where_a_mask_takes_padding_out() {
    let fix = |graph: &mut GraphProto, length: &str| {
        let input = |name| tensor_value(name, I64, &["1", length]);
        graph.input = ["input_ids", "attention_mask"].map(input).to_vec();
    };
    for length in ["16", "20"] {
        check(|graph| {
            use_mask(graph);
            fix(graph, length);
        });
    }
    let refusal = |change: &dyn Fn(&mut GraphProto)| {
        let mut model = graph();
        change(model.graph.as_mut().unwrap());
        open(&folder(&model)).err().unwrap()
    };
    let reason = refusal(&|graph| fix(graph, "16"));
    assert!(reason.contains("model.onnx: its inputs have a fixed length of 16"), "{reason}");
    let reason = refusal(&|graph| {
        use_mask(graph);
        fix(graph, "12");
    });
    assert!(reason.contains("max-length = 16") && reason.contains("reads 12"), "{reason}");
}

#[test]
fn dimensions_may_have_any_names() {
    for dims in [["Batch Size", "Sequence-Length"], ["N", "N"], ["-1", "-1"]] {
        check(|graph| {
            graph.input =
                ["input_ids", "attention_mask"].map(|name| tensor_value(name, I64, &dims)).to_vec();
            graph.output = vec![tensor_value("logits", 1, &[dims[0], dims[1], "3"])];
        });
    }
}

/// The tiny model with its table in another file, of 1024 bytes behind 64 others.
fn external(location: &str) -> (ModelProto, Vec<u8>) {
    let mut model = graph();
    let table = &mut model.graph.as_mut().unwrap().initializer[0];
    let data = [vec![9; 64], std::mem::take(&mut table.raw_data).to_vec()].concat();
    table.data_location = 1;
    let entry =
        |key: &str, value: &str| StringStringEntryProto { key: key.into(), value: value.into() };
    table.external_data =
        vec![entry("location", location), entry("offset", "64"), entry("length", "1024")];
    (model, data)
}

fn folder_of(model: &ModelProto, data: Option<&[u8]>) -> TempDir {
    let folder = folder(model);
    if let Some(data) = data {
        let path = folder.path().join("model.onnx_data");
        fs::write(path, data).unwrap();
        let mut manifest = fs::read_to_string(folder.path().join("model.toml")).unwrap();
        manifest.push_str(&format!("\"model.onnx_data\".sha256 = \"{}\"\n", Digest::of(data)));
        fs::write(folder.path().join("model.toml"), manifest).unwrap();
    }
    folder
}

#[test]
fn weights_may_lie_in_a_listed_file_beside_the_model() {
    let (model, data) = external("model.onnx_data");
    check_answer(&folder_of(&model, Some(&data)));
    let refusal =
        |model: &ModelProto, data: Option<&[u8]>| open(&folder_of(model, data)).err().unwrap();
    let reason = refusal(&model, None);
    assert!(
        reason.contains("tensor table") && reason.contains("does not list model.onnx_data"),
        "{reason}"
    );
    let reason = refusal(&model, Some(&data[..1000]));
    assert!(reason.contains("tensor table") && reason.contains("of 1000"), "{reason}");
    for location in ["/etc/passwd", "../model.onnx_data", "a/model.onnx_data", ""] {
        let (model, data) = external(location);
        let reason = refusal(&model, Some(&data));
        assert!(
            reason.contains("model.onnx: tensor table keeps its data in another file"),
            "{reason}"
        );
    }
    let folder = folder_of(&model, Some(&data));
    fs::write(folder.path().join("model.onnx_data"), vec![0; data.len()]).unwrap();
    let reason = open(&folder).err().unwrap();
    assert!(reason.contains("model.onnx_data: SHA-256 is"), "{reason}");
}
