//! Model folders that must not load: the error names the file and the reason.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::fs;

use pilotlight_guest::engine::{Placement, TractEngine};
use pilotlight_guest::model::{Model, TextModel, Usage};
use pilotlight_guest::tasks::token_classification::Parameters;
use pilotlight_model::ModelFolder;
use pilotlight_onnx::encode;
use pilotlight_onnx::proto::{
    AttributeProto, FunctionProto, ModelProto, NodeProto, SparseTensorProto, StringStringEntryProto,
};
use pilotlight_testing::tiny_model::{
    config, floats, folder, graph, int, node, quantized_graph, seal, tokenizer,
};
use proptest::prelude::*;
use tempfile::TempDir;

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

/// Loads a spoiled graph and returns why it was refused.
fn refusal(spoil: impl FnOnce(&mut ModelProto)) -> String {
    let mut model = graph();
    spoil(&mut model);
    open(&folder(&model)).err().unwrap()
}

fn words(pipeline: &TextModel, text: &str) -> Vec<(String, String)> {
    let found = pipeline.classify(&[text], &Parameters::default(), &mut Usage::default());
    found.unwrap().into_iter().flatten().map(|e| (e.entity_group.unwrap(), e.word)).collect()
}

#[test]
fn a_plain_and_a_quantized_model_give_the_same_entities() {
    let expected = vec![("PER".into(), "ada".into()), ("LOC".into(), "paris".into())];
    for model in [graph(), quantized_graph()] {
        let pipeline = open(&folder(&model)).unwrap();
        assert_eq!(words(&pipeline, "Ada met Paris"), expected);
    }
}

#[test]
fn padding_and_truncation_of_the_tokenizer_file_are_not_applied() {
    let pipeline = open(&folder(&graph())).unwrap();
    assert_eq!(words(&pipeline, &"ada met ".repeat(40)).len(), 40);
}

#[test]
fn data_in_another_file_is_refused() {
    let reason = refusal(|model| {
        let tensor = &mut model.graph.as_mut().unwrap().initializer[0];
        tensor.data_location = 1;
        tensor.external_data =
            vec![StringStringEntryProto { key: "location".into(), value: "/etc/passwd".into() }];
    });
    assert!(reason.contains("model.onnx: tensor table keeps its data in another file"), "{reason}");
}

#[test]
fn unknown_operators_are_refused_by_name() {
    let reason = refusal(|model| {
        model.graph.as_mut().unwrap().node[1].op_type = "Frobnicate".into();
    });
    assert_eq!(
        reason,
        "model.onnx: node node-scored: operator Frobnicate is not supported; compute it on the host with --compute host"
    );
    let reason = refusal(|model| {
        model.graph.as_mut().unwrap().node[1].domain = "evil".into();
    });
    assert_eq!(
        reason,
        "model.onnx: node node-scored: operator evil.MatMul is not supported; compute it on the host with --compute host"
    );
}

#[test]
fn absurd_sizes_are_refused_before_anything_is_allocated() {
    let reason = refusal(|model| {
        model.graph.as_mut().unwrap().initializer[0].dims = vec![1 << 40, 1 << 40];
    });
    assert!(reason.contains("tensor table") && reason.contains("exceeds"), "{reason}");
    let reason = refusal(|model| {
        model.graph.as_mut().unwrap().initializer[0].dims = vec![-8, 32];
    });
    assert!(reason.contains("negative dimension"), "{reason}");
    let reason = refusal(|model| {
        let graph = model.graph.as_mut().unwrap();
        let mut shape = floats("shape", &[2], &[]);
        shape.data_type = 7;
        shape.raw_data = [1i64 << 40, 1 << 20].iter().flat_map(|x| x.to_le_bytes()).collect();
        graph.initializer.push(shape);
        graph.node.insert(0, node("ConstantOfShape", &["shape"], "huge"));
    });
    assert!(reason.contains("node-huge") && reason.contains("exceeds"), "{reason}");
}

#[test]
fn a_graph_that_does_not_hold_together_is_refused() {
    type Spoil = fn(&mut ModelProto);
    let cases: [(Spoil, &str); 9] = [
        (|model| model.graph = None, "holds no graph"),
        (|model| model.graph.as_mut().unwrap().output.clear(), "has no output"),
        (|model| model.graph.as_mut().unwrap().input[0].name = "pixels".into(), "input pixels"),
        (|model| model.graph.as_mut().unwrap().node[0].input[0] = "gone".into(), "value gone"),
        (|model| model.graph.as_mut().unwrap().node[1].output[0] = "embedded".into(), "twice"),
        (|model| model.graph.as_mut().unwrap().node[1].input.truncate(1), "input 1 is missing"),
        (
            |model| model.functions.push(FunctionProto { name: "f".into(), ..Default::default() }),
            "function f",
        ),
        (
            |model| {
                let sparse = &mut model.graph.as_mut().unwrap().sparse_initializer;
                sparse.push(SparseTensorProto::default());
            },
            "sparse",
        ),
        (
            |model| model.graph.as_mut().unwrap().initializer[1].raw_data.clear(),
            "0 elements for shape",
        ),
    ];
    for (spoil, expected) in cases {
        let reason = refusal(spoil);
        assert!(reason.starts_with("model.onnx: ") && reason.contains(expected), "{reason}");
    }
}

#[test]
fn quantized_weights_of_the_wrong_size_are_refused() {
    for (attribute, expected) in [
        (int("K", 64), "bytes of weights"),
        (int("bits", 3), "3 bits"),
        (int("block_size", 7), "block size 7"),
    ] {
        let mut model = quantized_graph();
        let node = &mut model.graph.as_mut().unwrap().node[1];
        let name = attribute.name.clone();
        *node.attribute.iter_mut().find(|a| a.name == name).unwrap() = attribute;
        let reason = open(&folder(&model)).err().unwrap();
        assert!(reason.contains(expected), "{reason}");
    }
}

#[test]
fn a_truncated_graph_is_refused() {
    let bytes = encode(&graph());
    for length in [1, 10, bytes.len() / 2, bytes.len() - 1] {
        let folder = folder(&graph());
        fs::write(folder.path().join("model.onnx"), &bytes[..length]).unwrap();
        seal(folder.path());
        let reason = open(&folder).err().unwrap();
        assert!(reason.starts_with("model.onnx: "), "{reason}");
    }
}

#[test]
fn files_that_do_not_fit_each_other_are_refused() {
    let spoil = |file: &str, content: serde_json::Value| {
        let folder = folder(&graph());
        fs::write(folder.path().join(file), content.to_string()).unwrap();
        seal(folder.path());
        open(&folder).err().unwrap()
    };
    let mut fewer = config();
    fewer["id2label"].as_object_mut().unwrap().remove("2");
    let reason = spoil("config.json", fewer);
    assert_eq!(reason, "config.json: 2 labels, but model.onnx gives 3");
    let mut more = tokenizer();
    more["model"]["vocab"]["extra"] = 8.into();
    let reason = spoil("tokenizer.json", more.clone());
    assert_eq!(reason, "tokenizer.json: 9 token ids, but model.onnx embeds 8");
    // The table may be a node.
    let mut model = graph();
    let parts = model.graph.as_mut().unwrap();
    let table = Some(parts.initializer.remove(0));
    let value = AttributeProto { name: "value".into(), t: table, r#type: 4, ..Default::default() };
    let constant = NodeProto { attribute: vec![value], ..node("Constant", &[], "table") };
    parts.node.insert(0, constant);
    let with_node = folder(&model);
    fs::write(with_node.path().join("tokenizer.json"), more.to_string()).unwrap();
    let nothing = serde_json::json!({"num_labels": 3});
    fs::write(with_node.path().join("config.json"), nothing.to_string()).unwrap();
    seal(with_node.path());
    let reason = open(&with_node).err().unwrap();
    assert_eq!(reason, "tokenizer.json: 9 token ids, but model.onnx embeds 8");
    // Ids count, not how many of them there are.
    let mut sparse = tokenizer();
    sparse["model"]["vocab"].as_object_mut().unwrap().remove("met");
    sparse["model"]["vocab"]["extra"] = 8.into();
    let reason = spoil("tokenizer.json", sparse);
    assert_eq!(reason, "tokenizer.json: 9 token ids, but model.onnx embeds 8");
    let reason = spoil("tokenizer.json", serde_json::json!({"model": 1}));
    assert!(reason.starts_with("tokenizer.json: not a tokenizer"), "{reason}");
    let reason = spoil("config.json", serde_json::json!({"id2label": {"0": "O", "7": "X"}}));
    assert!(reason.contains("id2label must name the labels"), "{reason}");
}

#[test]
fn a_missing_or_changed_file_is_refused() {
    let missing = folder(&graph());
    fs::remove_file(missing.path().join("tokenizer.json")).unwrap();
    let reason = open(&missing).err().unwrap();
    assert!(reason.contains("tokenizer.json: cannot be read"), "{reason}");
    let changed = folder(&graph());
    fs::write(changed.path().join("config.json"), "{}").unwrap();
    let reason = open(&changed).err().unwrap();
    assert!(reason.contains("config.json: SHA-256 is"), "{reason}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_graph_with_changed_bytes_is_read_or_refused(
        quantized in any::<bool>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let model = if quantized { quantized_graph() } else { graph() };
        let mut bytes = encode(&model);
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let Ok(model) = pilotlight_onnx::decode(&bytes[..]) else { return Ok(()) };
        let _ = TractEngine::graph(model);
    }
}
