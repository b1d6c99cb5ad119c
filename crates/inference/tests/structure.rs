//! Which graphs tract and ONNX Runtime compute calls of different callers of together.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use pilotlight_inference::{Backend, BatchRows, Device, GraphOptions, Graphs, OnnxRuntime, Tract};
use pilotlight_onnx::encode;
use pilotlight_onnx::proto::{AttributeProto, NodeProto, TensorProto};
use pilotlight_testing::graphs::{F32, doubling, model, node, port};
use pilotlight_testing::skipped;

/// The graphs of each backend there is.
fn all_graphs() -> Vec<Graphs> {
    let mut backends: Vec<Box<dyn Backend>> =
        vec![Box::new(Tract::new(&Device::default()).unwrap())];
    match OnnxRuntime::new(Default::default()) {
        Ok(backend) => backends.push(Box::new(backend)),
        Err(error) if std::env::var_os("PILOTLIGHT_REQUIRE_ORT").is_none() => skipped(&error),
        Err(error) => panic!("{error}"),
    }
    backends.into_iter().map(|backend| Graphs::new(backend, 1).unwrap()).collect()
}

/// `y = x + mean of all rows · 1e-9`: no trial sees the difference.
fn mixing() -> Vec<u8> {
    let axes = AttributeProto {
        name: "axes".into(),
        ints: vec![0],
        r#type: 7,
        ..AttributeProto::default()
    };
    let mean = NodeProto {
        name: "the mean".into(),
        attribute: vec![axes],
        ..node("ReduceMean", &["x"], &["mean"])
    };
    let nodes = vec![
        mean,
        node("Mul", &["mean", "tiny"], &["little"]),
        node("Add", &["x", "little"], &["y"]),
    ];
    let ports = |name| vec![port(name, F32, &["rows", "width"])];
    let mut model = model(ports("x"), nodes, ports("y"));
    model.graph.as_mut().unwrap().initializer.push(TensorProto {
        name: "tiny".into(),
        data_type: F32,
        float_data: vec![1e-9],
        ..TensorProto::default()
    });
    encode(&model)
}

#[test]
fn a_graph_that_mixes_rows_unnoticed_is_recognized_by_its_structure() {
    for graphs in all_graphs() {
        let mut options = GraphOptions::default();
        let graph = graphs.load("mixing", mixing(), options).unwrap();
        let reason = graph.mixes_rows().unwrap();
        assert!(reason.contains("node the mean"), "{reason}");
        options.batch_rows = BatchRows::Always;
        assert_eq!(graphs.load("mixing", mixing(), options).unwrap().mixes_rows(), None);
    }
}

#[test]
fn the_default_model_and_simple_graphs_keep_rows_apart() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let default = std::fs::read(root.join("../../models/pii-ner/model.onnx")).unwrap();
    for graphs in all_graphs() {
        for file in [default.clone(), doubling()] {
            let graph = graphs.load("g", file, GraphOptions::default()).unwrap();
            assert_eq!(graph.mixes_rows(), None);
        }
    }
}
