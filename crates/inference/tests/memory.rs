//! Memory of a whole process, which other tests in it would disturb.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use futures::executor::block_on;
use pilotlight_inference::{
    Backend, Device, Element, GraphOptions, Graphs, Native, NativeOptions, Tensor, Tract,
};
use pilotlight_onnx::encode;
use pilotlight_onnx::proto::TensorProto;
use pilotlight_testing::encoder;
use pilotlight_testing::graphs::{F32, model, node, port};
#[cfg(feature = "onnxruntime")]
use pilotlight_testing::skipped;

const WIDTH: usize = 256;
/// 250 of the graphs' weights: a copy that stays of each of a thousand is four times as much.
const ALLOWED_KIB: usize = 64 << 10;

/// `y = x · w`, with 256 KiB of weights.
fn product() -> Vec<u8> {
    let weights = TensorProto {
        name: "w".to_owned(),
        data_type: F32,
        dims: vec![WIDTH as i64; 2],
        raw_data: vec![0; WIDTH * WIDTH * 4].into(),
        ..Default::default()
    };
    let (x, y) = (port("x", F32, &["rows", "256"]), port("y", F32, &["rows", "256"]));
    let mut model = model(vec![x], vec![node("MatMul", &["x", "w"], &["y"])], vec![y]);
    model.graph.as_mut().unwrap().initializer.push(weights);
    encode(&model)
}

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = status.lines().find(|line| line.starts_with("Pss_Anon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn check(backend: Box<dyn Backend>) {
    let (graphs, file) = (Graphs::new(backend, 2).unwrap(), product());
    let name = graphs.backend().name();
    let round = |times: u32| {
        for time in 0..times {
            let graph = graphs.load("product", file.clone(), GraphOptions::default()).unwrap();
            let sizes = [1 + time % 8, WIDTH as u32];
            let zeros = vec![0; sizes[0] as usize * WIDTH * 4];
            let x = Tensor::copied(graphs.buffers(), Element::F32, &sizes, &zeros).unwrap();
            let outputs = block_on(graph.compute(vec![("x".to_owned(), x)])).unwrap();
            assert_eq!(outputs[0].1.shape().sizes(), sizes);
            graphs.unload("product");
        }
    };
    round(100);
    let before = resident_kib();
    round(1000);
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < ALLOWED_KIB, "{name}: {grown} KiB more after 1,000 graphs");
}

/// The same of an encoder.
fn encoders(graphs: &Graphs) {
    let file = encoder::file();
    let round = |times: u32| {
        for time in 0..times {
            let graph = graphs.load("encoder", file.clone(), GraphOptions::default()).unwrap();
            let sizes = [1, 1 + time % 50];
            let ones: Vec<u8> = (0..sizes[1]).flat_map(|_| 1i64.to_le_bytes()).collect();
            let ones = Tensor::copied(graphs.buffers(), Element::I64, &sizes, &ones).unwrap();
            let names = graph.signature().inputs.iter().map(|port| port.name.clone());
            let inputs = names.map(|name| (name, ones.clone())).collect();
            let outputs = block_on(graph.compute(inputs)).unwrap();
            assert_eq!(outputs[0].1.shape().sizes(), [1, sizes[1], 5]);
            assert_eq!(graph.status().backend, "native");
            graphs.unload("encoder");
        }
    };
    round(50);
    let before = resident_kib();
    round(1000);
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < ALLOWED_KIB / 4, "{grown} KiB more after 1,000 encoders");
}

/// Versions of a function that have the same graph.
fn versions(graphs: &Graphs) {
    let file = encoder::file();
    let load = |_| graphs.load_unnamed("encoder", file.clone(), GraphOptions::default()).unwrap();
    let first: Vec<_> = (0..10).map(load).collect();
    let before = resident_kib();
    let others: Vec<_> = (0..1000).map(load).collect();
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < ALLOWED_KIB / 8, "{grown} KiB more with {} others", others.len());
    drop(first);
}

#[test]
fn a_thousand_graphs_come_and_go_and_leave_memory_as_it_was() {
    check(Box::new(Tract::new(&Device::default()).unwrap()));
    let native = || Box::new(Native::new(NativeOptions::default()).unwrap());
    encoders(&Graphs::new(native(), 2).unwrap());
    versions(&Graphs::new(native(), 2).unwrap());
    #[cfg(feature = "onnxruntime")]
    match pilotlight_inference::OnnxRuntime::new(Default::default()) {
        Ok(backend) => check(Box::new(backend)),
        Err(error) if std::env::var_os("PILOTLIGHT_REQUIRE_ORT").is_none() => {
            skipped(&error);
        }
        Err(error) => panic!("{error}"),
    }
}
