//! Graphs in the forms that exporters write, computed on the host and in the sandbox.

use std::path::Path;

use pilotlight_model::Digest;
use pilotlight_onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, StringStringEntryProto,
};
use pilotlight_testing::tiny_model;
use pilotlight_tests::{Server, outcome, pilotlight};
use serde_json::json;
use tempfile::TempDir;

use super::host_compute::{backends, serve};

/// Starts a server whose model cannot be computed, and says why it does not start.
fn refusal(folder: &TempDir, backend: &str) -> String {
    let path = folder.path().to_str().unwrap();
    let arguments = ["serve", path, "--backend", backend, "--listen", "127.0.0.1:0"];
    let mut command = pilotlight(&arguments);
    let (code, message) = outcome(command.args(["--admin-listen", "127.0.0.1:0"]));
    assert_eq!(code, 1, "{message}");
    message
}

fn spoilt(spoil: impl FnOnce(&mut ModelProto)) -> String {
    let mut model = tiny_model::graph();
    spoil(&mut model);
    refusal(&tiny_model::folder(&model), "tract")
}

#[test]
fn a_tiny_model_is_computed_on_the_host() {
    for backend in backends() {
        let folder = tiny_model::folder(&tiny_model::graph());
        let server = serve(folder.path().to_str().unwrap(), backend, &[]);
        let answer = server.post("/", r#"{"inputs": "Ada met Paris"}"#);
        assert_eq!(answer.json()[1]["entity_group"], "LOC", "{}", answer.text);
    }
}

/// The tiny model, whose bias counts only in texts of few different tokens: what is said of a token
/// depends on the mean over all of them.
fn averaging(masked: bool) -> ModelProto {
    let mut model = tiny_model::graph();
    let graph = model.graph.as_mut().unwrap();
    let axes = AttributeProto { ints: vec![1], r#type: 7, ..tiny_model::int("axes", 0) };
    graph.node[2].output[0] = "scores".into();
    graph.node.push(NodeProto {
        attribute: vec![axes],
        ..tiny_model::node("ReduceMean", &["scores"], "mean")
    });
    graph.node.push(tiny_model::node("Sub", &["scores", "mean"], "logits"));
    if masked {
        // A mask that is used, and takes nothing out.
        let to = vec![tiny_model::int("to", 1)];
        let cast = tiny_model::node("Cast", &["attention_mask"], "mask");
        graph.node.push(NodeProto { attribute: to, ..cast });
        let mut axis = tiny_model::floats("axis", &[1], &[]);
        (axis.data_type, axis.raw_data) = (7, (-1i64).to_le_bytes().to_vec().into());
        graph.initializer.push(axis);
        graph.node.push(tiny_model::node("Unsqueeze", &["mask", "axis"], "column"));
        graph.node[4].output[0] = "centered".into();
        graph.node.push(tiny_model::node("Mul", &["centered", "column"], "logits"));
    }
    number(graph);
    model
}

#[test]
fn texts_are_not_padded_where_no_mask_takes_the_padding_out() {
    for backend in backends() {
        for masked in [false, true] {
            let folder = tiny_model::folder(&averaging(masked));
            let answers = |arguments: &[&str]| {
                let server = serve(folder.path().to_str().unwrap(), backend, arguments);
                let texts = json!(["Ada", "Ada met Paris", "met Paris met", "Paris"]);
                let parameters = json!({"aggregation_strategy": "none", "ignore_labels": []});
                let request = json!({"inputs": texts, "parameters": parameters});
                server.post("/", request.to_string()).json()
            };
            let plain = answers(&[]);
            assert_eq!(plain[0][0]["entity"], "B-PER", "{plain}");
            assert_eq!(answers(&["--pad-to-multiple-of", "16"]), plain);
            assert_eq!(answers(&["--pad-to-multiple-of", "4", "--max-batch", "2"]), plain);
        }
    }
}

/// Gives each node a name of its own: ONNX Runtime refuses two that are called the same.
fn number(graph: &mut GraphProto) {
    for (index, node) in graph.node.iter_mut().enumerate() {
        node.name = format!("node-{index}");
    }
}

/// Changes to the tiny model that exporters make.
fn exported() -> Vec<(&'static str, ModelProto)> {
    let value = tiny_model::tensor_value;
    let changed = |name: &'static str, change: &dyn Fn(&mut GraphProto)| {
        let mut model = tiny_model::graph();
        let graph = model.graph.as_mut().unwrap();
        change(graph);
        number(graph);
        (name, model)
    };
    let inputs = |kind: i32, dims: [&str; 2]| {
        ["input_ids", "attention_mask"].map(|name| value(name, kind, &dims)).to_vec()
    };
    let axis = |name: &str, axis: i64| {
        let mut tensor = tiny_model::floats(name, &[1], &[]);
        (tensor.data_type, tensor.raw_data) = (7, axis.to_le_bytes().to_vec().into());
        tensor
    };
    vec![
        changed("int32", &|graph| graph.input = inputs(6, ["b", "s"])),
        changed("names", &|graph| graph.input = inputs(7, ["N", "N"])),
        changed("fixed", &|graph| {
            graph.input = inputs(7, ["1", "16"]);
            let to = vec![tiny_model::int("to", 1)];
            let cast = tiny_model::node("Cast", &["attention_mask"], "mask");
            graph.node.push(NodeProto { attribute: to, ..cast });
            graph.initializer.push(axis("axis", -1));
            graph.node.push(tiny_model::node("Unsqueeze", &["mask", "axis"], "column"));
            graph.node[2].output[0] = "scores".into();
            graph.node.push(tiny_model::node("Mul", &["scores", "column"], "logits"));
        }),
        changed("half mask", &|graph| {
            graph.input[1] = value("attention_mask", 10, &["b", "s"]);
            let to = vec![tiny_model::int("to", 1)];
            let cast = tiny_model::node("Cast", &["attention_mask"], "mask");
            graph.node.push(NodeProto { attribute: to, ..cast });
            graph.initializer.push(axis("axis", -1));
            graph.node.push(tiny_model::node("Unsqueeze", &["mask", "axis"], "column"));
            graph.node[2].output[0] = "scores".into();
            graph.node.push(tiny_model::node("Mul", &["scores", "column"], "logits"));
        }),
        changed("outputs", &|graph| {
            graph.node[2].output[0] = "output_1".into();
            let hidden = value("embedded", 1, &["b", "s", "32"]);
            graph.output = vec![hidden, value("output_1", 1, &["b", "s", "3"])];
        }),
        changed("rank 2", &|graph| {
            graph.node[2].output[0] = "whole".into();
            graph.initializer.push(axis("axis", 0));
            graph.node.push(tiny_model::node("Squeeze", &["whole", "axis"], "logits"));
            graph.output = vec![value("logits", 1, &["s", "3"])];
        }),
        changed("half", &|graph| {
            graph.node[2].output[0] = "scores".into();
            let to = vec![tiny_model::int("to", 10)];
            let cast = tiny_model::node("Cast", &["scores"], "logits");
            graph.node.push(NodeProto { attribute: to, ..cast });
            graph.output = vec![value("logits", 10, &["b", "s", "3"])];
        }),
        changed("spare rows", &|graph| {
            let table = &mut graph.initializer[0];
            table.dims[0] += 1000;
            table.raw_data = [table.raw_data.to_vec(), vec![0; 1000 * 32 * 4]].concat().into();
        }),
        changed("positions", &|graph| {
            graph.input.push(value("position_ids", 7, &["b", "s"]));
            graph.initializer.push(tiny_model::floats("places", &[16, 3], &[0.25; 48]));
            graph.node.push(tiny_model::node("Gather", &["places", "position_ids"], "placed"));
            graph.node[2].output[0] = "scores".into();
            graph.node.push(tiny_model::node("Add", &["scores", "placed"], "logits"));
        }),
    ]
}

#[test]
fn graphs_in_the_forms_of_exporters_are_computed_on_the_host_and_in_the_sandbox() {
    for (name, model) in exported() {
        let folder = tiny_model::folder(&model);
        let path = folder.path().to_str().unwrap();
        let mut places = vec![vec![path, "--compute", "guest"]];
        for backend in backends() {
            for precision in ["f32", "unchanged"] {
                let host = ["--compute", "host", "--backend", backend, "--precision", precision];
                places.push([&[path][..], &host].concat());
            }
        }
        for arguments in places {
            let server = Server::start(&arguments);
            let answer = server.post("/", r#"{"inputs": ["Ada met Paris", "Ada"]}"#);
            assert_eq!(answer.json()[0][1]["entity_group"], "LOC", "{name}: {}", answer.text);
            assert_eq!(answer.json()[1][0]["entity_group"], "PER", "{name}: {}", answer.text);
        }
    }
}

/// The tiny model with the weights of its embedding in a file beside the graph.
fn with_external_weights() -> TempDir {
    let mut model = tiny_model::graph();
    let table = &mut model.graph.as_mut().unwrap().initializer[0];
    let data = std::mem::take(&mut table.raw_data);
    table.data_location = 1;
    let (key, value) = ("location".to_owned(), "model.onnx_data".to_owned());
    table.external_data = vec![StringStringEntryProto { key, value }];
    let folder = tiny_model::folder(&model);
    std::fs::write(folder.path().join("model.onnx_data"), &data).unwrap();
    let manifest = folder.path().join("model.toml");
    let listed = format!("\"model.onnx_data\".sha256 = \"{}\"\n", Digest::of(&data));
    let text = std::fs::read_to_string(&manifest).unwrap() + &listed;
    std::fs::write(&manifest, text).unwrap();
    folder
}

#[test]
fn external_weights_are_built_in_the_sandbox_and_on_the_host() {
    let folder = with_external_weights();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("corpus.txt"), "Ada met Paris\n").unwrap();
    let output = path("out.wasm");
    // Without --precision, the precision is chosen by what the graph holds.
    let model = folder.path().to_str().unwrap();
    let build = ["build", model, "--corpus", &path("corpus.txt"), "-o", &output];
    let host = ["--compute", "host", "--backend", "native"];
    for more in [&[][..], &host] {
        let (code, log) = outcome(&mut pilotlight(&[&build, more].concat()));
        assert_eq!(code, 0, "{log}");
        let server = Server::start(&[&output]);
        let answer = server.post("/", r#"{"inputs": "Ada met Paris"}"#);
        assert_eq!(answer.json()[1]["entity_group"], "LOC", "{}", answer.text);
    }
}

#[test]
fn weights_and_links_of_a_hugging_face_cache_are_read_on_the_host_and_in_the_sandbox() {
    let folder = with_external_weights();
    let cache = tempfile::tempdir().unwrap();
    let entry = cache.path().join("models--org--name");
    let snapshot = entry.join("snapshots/0123abc");
    std::fs::create_dir_all(&snapshot).unwrap();
    std::fs::create_dir(entry.join("blobs")).unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        let blob = entry.join("blobs").join(file.file_name());
        std::fs::copy(file.path(), blob).unwrap();
        let target = Path::new("../../blobs").join(file.file_name());
        std::os::unix::fs::symlink(target, snapshot.join(file.file_name())).unwrap();
    }
    let path = snapshot.to_str().unwrap();
    for backend in backends() {
        for place in ["guest", "host"] {
            let server = Server::start(&[path, "--compute", place, "--backend", backend]);
            let answer = server.post("/", r#"{"inputs": "Ada met Paris"}"#);
            assert_eq!(answer.json()[1]["entity_group"], "LOC", "{}", answer.text);
        }
    }
}

#[test]
fn models_that_label_no_tokens_are_refused_when_they_are_loaded() {
    let other_name = spoilt(|model| {
        let graph = model.graph.as_mut().unwrap();
        graph.input[0].name = "pixels".into();
        graph.node[0].input[1] = "pixels".into();
    });
    assert!(other_name.contains("pixels"), "{other_name}");
    let other_rank = spoilt(|model| {
        let graph = model.graph.as_mut().unwrap();
        graph.output = vec![tiny_model::tensor_value("mean", 1, &["batch", "length"])];
        let axes = AttributeProto { ints: vec![2], r#type: 7, ..tiny_model::int("axes", 0) };
        graph.node.push(NodeProto {
            attribute: vec![axes, tiny_model::int("keepdims", 0)],
            ..tiny_model::node("ReduceMean", &["logits"], "mean")
        });
    });
    assert!(other_rank.contains("3 labels, but model.onnx gives 1"), "{other_rank}");
    let no_numbers = spoilt(|model| {
        let graph = model.graph.as_mut().unwrap();
        graph.initializer[2] = tiny_model::floats("bias", &[3], &[f32::NAN; 3]);
    });
    assert!(no_numbers.contains("not numbers"), "{no_numbers}");
}

#[test]
fn a_tokenizer_with_more_tokens_than_the_graph_embeds_is_refused_on_the_host() {
    let folder = tiny_model::folder(&tiny_model::graph());
    let mut tokenizer = tiny_model::tokenizer();
    tokenizer["model"]["vocab"]["more"] = 8.into();
    std::fs::write(folder.path().join("tokenizer.json"), tokenizer.to_string()).unwrap();
    tiny_model::seal(folder.path());
    for backend in backends() {
        let refused = refusal(&folder, backend);
        let is_told =
            refused.contains("tokenizer.json: 9 token ids") && refused.contains("embeds 8");
        assert!(is_told, "{backend}: {refused}");
    }
}
