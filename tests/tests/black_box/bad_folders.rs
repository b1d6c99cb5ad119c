//! Model folders that cannot be used: each is refused in one sentence that names the file, by `pilotlight build`
//! and by `pilotlight serve`, and nothing is left behind.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use pilotlight_model::Digest;
use pilotlight_onnx::encode;
use pilotlight_onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, StringStringEntryProto, TensorProto,
};
use pilotlight_testing::tiny_model;
use pilotlight_tests::{outcome, pilotlight};
use serde_json::json;
use tempfile::TempDir;

/// Of ONNX's `TensorProto.DataType`, and of its `AttributeProto.AttributeType`.
const BOOL: i32 = 9;
const GRAPH: i32 = 5;

/// A folder of the tiny model with another graph.
fn with_graph(change: impl FnOnce(&mut GraphProto)) -> TempDir {
    let mut model: ModelProto = tiny_model::graph();
    change(model.graph.as_mut().unwrap());
    tiny_model::folder(&model)
}

/// A folder of the tiny model after a change to its files, which are listed as they are then.
fn changed(change: impl FnOnce(&Path)) -> TempDir {
    let folder = tiny_model::folder(&tiny_model::graph());
    change(folder.path());
    tiny_model::seal(folder.path());
    folder
}

/// A branch that gives `value`, so many branches deep.
fn nested(depth: usize, value: &str) -> GraphProto {
    let (node, output) = match depth {
        0 => (None, value.to_owned()),
        depth => {
            let output = format!("deep-{depth}");
            (Some(choice(nested(depth - 1, value), value, &output)), output)
        }
    };
    GraphProto {
        name: format!("branch-{depth}"),
        node: node.into_iter().collect(),
        output: vec![tiny_model::tensor_value(&output, 1, &["batch", "length", "3"])],
        ..Default::default()
    }
}

/// A node that takes its first branch.
fn choice(then: GraphProto, otherwise: &str, output: &str) -> NodeProto {
    let branch = |name: &str, graph| AttributeProto {
        name: name.into(),
        g: Some(graph),
        r#type: GRAPH,
        ..Default::default()
    };
    let branches = [("then_branch", then), ("else_branch", nested(0, otherwise))];
    NodeProto {
        attribute: branches.map(|(name, graph)| branch(name, graph)).to_vec(),
        ..tiny_model::node("If", &["yes"], output)
    }
}

/// The embedding keeps its data in a file of a few bytes, of which it wants 4 GiB.
fn with_external_data_beyond_all_bounds() -> TempDir {
    let folder = with_graph(|graph| {
        let table = &mut graph.initializer[0];
        table.dims = vec![1 << 25, 32];
        table.raw_data.clear();
        table.data_location = 1;
        let entries = [("location", "model.onnx_data"), ("length", "4294967296")];
        let entry = |(key, value): (&str, &str)| StringStringEntryProto {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        table.external_data = entries.map(entry).to_vec();
    });
    let data = [0; 16];
    fs::write(folder.path().join("model.onnx_data"), data).unwrap();
    let manifest = folder.path().join("model.toml");
    let listed = format!("\"model.onnx_data\".sha256 = \"{}\"\n", Digest::of(&data));
    fs::write(&manifest, fs::read_to_string(&manifest).unwrap() + &listed).unwrap();
    folder
}

fn with_more_merges_than_any_tokenizer() -> TempDir {
    changed(|folder| {
        let mut tokenizer = tiny_model::tokenizer();
        let vocabulary = tokenizer["model"]["vocab"].clone();
        tokenizer["model"] = json!({"type": "BPE", "vocab": vocabulary, "merges": []});
        let merges = format!("\"merges\":[{}]", vec!["\"a b\""; 2_000_001].join(","));
        let text = tokenizer.to_string().replace("\"merges\":[]", &merges);
        fs::write(folder.join("tokenizer.json"), text).unwrap();
    })
}

/// Bad folders, what is wrong with each, and the file that the error names.
fn bad() -> Vec<(&'static str, TempDir, &'static str)> {
    let remove = |name: &str| {
        let folder = tiny_model::folder(&tiny_model::graph());
        fs::remove_file(folder.path().join(name)).unwrap();
        folder
    };
    let bare = remove("model.toml");
    fs::remove_file(bare.path().join("model.onnx")).unwrap();
    vec![
        ("a cycle", with_graph(|graph| graph.node[1].input[0] = "logits".into()), "model.onnx"),
        (
            "branches within branches",
            with_graph(|graph| {
                graph.node[2].output[0] = "sum".into();
                graph.node.push(choice(nested(24, "sum"), "sum", "logits"));
                let yes = TensorProto {
                    name: "yes".into(),
                    data_type: BOOL,
                    raw_data: vec![1].into(),
                    ..Default::default()
                };
                graph.initializer.push(yes);
            }),
            "model.onnx",
        ),
        (
            "weights of another shape",
            with_graph(|graph| {
                graph.initializer[1] = tiny_model::floats("weights", &[31, 3], &[0.5; 93]);
            }),
            "model.onnx",
        ),
        ("external data of 4 GiB", with_external_data_beyond_all_bounds(), "model.onnx"),
        ("two million merges", with_more_merges_than_any_tokenizer(), "tokenizer.json"),
        (
            "the tokenizer of a larger model",
            changed(|folder| {
                let mut tokenizer = tiny_model::tokenizer();
                tokenizer["model"]["vocab"]["more"] = 8.into();
                fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).unwrap();
            }),
            "tokenizer.json",
        ),
        (
            "no ONNX file",
            changed(|folder| fs::write(folder.join("model.onnx"), "<html>").unwrap()),
            "model.onnx",
        ),
        (
            "a graph that is cut short",
            changed(|folder| {
                let whole = encode(&tiny_model::graph());
                fs::write(folder.join("model.onnx"), &whole[..whole.len() / 2]).unwrap();
            }),
            "model.onnx",
        ),
        ("no graph", remove("model.onnx"), "model.onnx"),
        ("no tokenizer", remove("tokenizer.json"), "tokenizer.json"),
        ("no configuration", remove("config.json"), "config.json"),
        ("neither graph nor manifest", bare, "no ONNX graph"),
    ]
}

fn names(folder: &Path) -> BTreeSet<OsString> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
}

/// Checks that a command has failed with one line that names `file`, the last one.
fn check_refusal((code, told): (i32, String), file: &str, what: &str) {
    assert_eq!(code, 1, "{what}: {told}");
    let errors = told.lines().filter(|line| line.starts_with("error: "));
    let errors: Vec<&str> = errors.collect();
    assert_eq!(errors.len(), 1, "{what}: {told}");
    assert_eq!(told.lines().next_back(), Some(errors[0]), "{what}: {told}");
    assert!(errors[0].contains(file), "{what}: {told}");
    // A sentence, not what lies beneath it.
    assert!(errors[0].len() < 1000 && !told.contains("backtrace"), "{what}: {told}");
}

#[test]
fn bad_folders_are_refused_by_build_and_serve_in_one_sentence() {
    for (what, folder, file) in bad() {
        let before = names(folder.path());
        let path = folder.path().to_str().unwrap();
        let out = tempfile::tempdir().unwrap();
        for compute in ["guest", "host"] {
            let output = out.path().join("out.wasm");
            let output = output.to_str().unwrap();
            let build = ["build", path, "--compute", compute, "--precision", "f32", "-o", output];
            let what = format!("build --compute {compute}, {what}");
            check_refusal(outcome(&mut pilotlight(&build)), file, &what);
            let serve = ["serve", path, "--compute", compute, "--listen", "127.0.0.1:0"];
            let mut serve = pilotlight(&serve);
            let served = outcome(serve.args(["--admin-listen", "127.0.0.1:0"]));
            check_refusal(served, file, &format!("serve for {what}"));
        }
        assert_eq!(names(out.path()), BTreeSet::new(), "{what}");
        assert_eq!(names(folder.path()), before, "{what}");
    }
}
