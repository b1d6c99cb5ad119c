//! What ONNX Runtime computes, and what it is kept from. Skipped where its library is not found,
//! unless `PILOTLIGHT_REQUIRE_ORT` is set.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::path::Path;
use std::time::Duration;

use futures::executor::block_on;
use futures::future::join_all;
use pilotlight_inference::{
    Backend, Batching, Buffers, Device, Dimension, Element, Error, GraphOptions, Graphs, Model,
    OnnxRuntime, OnnxRuntimeOptions, Precision, Tensor,
};
use pilotlight_onnx::encode;
use pilotlight_testing::graphs::{BOOL, F32, I64, U8, doubling, external, model, node, port};
use pilotlight_testing::skipped;

fn options() -> OnnxRuntimeOptions {
    OnnxRuntimeOptions { threads: 2, ..OnnxRuntimeOptions::default() }
}

/// The backend, or a reason to skip.
fn backend() -> Option<OnnxRuntime> {
    match OnnxRuntime::new(options()) {
        Ok(backend) => Some(backend),
        Err(error) if std::env::var_os("PILOTLIGHT_REQUIRE_ORT").is_none() => {
            skipped(&error);
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn load(backend: &OnnxRuntime, file: Vec<u8>) -> Box<dyn Model> {
    backend.load("tiny", file, Precision::F32.into()).unwrap_or_else(|error| panic!("{error}"))
}

fn refusal(backend: &OnnxRuntime, file: Vec<u8>) -> String {
    match backend.load("tiny", file, Precision::F32.into()) {
        Ok(_) => panic!("it was loaded"),
        Err(Error::InvalidGraph { graph, reason }) => {
            assert_eq!(graph, "tiny");
            assert!(!reason.contains('\n') && reason.chars().count() <= 301, "{reason}");
            reason
        }
        Err(other) => panic!("{other:?}"),
    }
}

fn floats(buffers: &Buffers, sizes: &[u32], values: &[f32]) -> Tensor {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Tensor::copied(buffers, Element::F32, sizes, &bytes).unwrap()
}

fn as_floats(tensor: &Tensor) -> Vec<f32> {
    assert_eq!(tensor.element(), Element::F32);
    tensor
        .bytes()
        .chunks_exact(4)
        .map(|four| f32::from_le_bytes(four.try_into().unwrap()))
        .collect()
}

fn default_file() -> Vec<u8> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/pii-ner/model.onnx");
    std::fs::read(file).unwrap()
}

fn default_model(backend: &OnnxRuntime) -> Box<dyn Model> {
    load(backend, default_file())
}

/// Inputs of the default model: rows of token ids of the same length.
fn tokens(model: &dyn Model, buffers: &Buffers, rows: &[Vec<i64>]) -> Vec<Tensor> {
    let sizes = [rows.len() as u32, rows[0].len() as u32];
    let fill = |value: &dyn Fn(i64) -> i64| {
        let values = rows.iter().flatten().map(|id| value(*id));
        let bytes: Vec<u8> = values.flat_map(i64::to_le_bytes).collect();
        Tensor::copied(buffers, Element::I64, &sizes, &bytes).unwrap()
    };
    let input = |name: &str| match name {
        "input_ids" => fill(&|id| id),
        "attention_mask" => fill(&|_| 1),
        _ => fill(&|_| 0),
    };
    model.signature().inputs.iter().map(|port| input(&port.name)).collect()
}

fn assert_close(left: &[f32], right: &[f32]) {
    assert_eq!(left.len(), right.len());
    for (left, right) in left.iter().zip(right) {
        assert!((left - right).abs() <= 1e-4, "{left} and {right}");
    }
}

fn row(seed: i64, length: i64) -> Vec<i64> {
    (0..length).map(|place| 5 + (seed * 7919 + place * 104_729) % 15_000).collect()
}

#[test]
fn the_default_model_gives_the_same_alone_and_in_a_batch() {
    let Some(backend) = backend() else { return };
    let (model, buffers) = (default_model(&backend), Buffers::new(1 << 24));
    assert!(model.batching() == Batching::Stacked && model.signature().stacks());
    let rows: Vec<Vec<i64>> = (1..=4).map(|seed| row(seed, 19)).collect();
    let run = |rows: &[Vec<i64>]| {
        let outputs = model.run(&tokens(&*model, &buffers, rows), &buffers).unwrap();
        assert_eq!(outputs[0].shape().sizes()[..2], [rows.len() as u32, 19]);
        as_floats(&outputs[0])
    };
    let batch = run(&rows);
    assert!(batch.iter().all(|value| value.is_finite()));
    for (row, batched) in rows.iter().zip(batch.chunks(batch.len() / rows.len())) {
        let alone = run(std::slice::from_ref(row));
        assert_close(&alone, batched);
    }
}

#[test]
fn calls_of_several_callers_share_batches_and_each_gets_its_own_rows() {
    let Some(backend) = backend() else { return };
    let (model, buffers) = (default_model(&backend), Buffers::new(1 << 24));
    let graphs = Graphs::new(Box::new(backend), 1).unwrap();
    // Nothing runs before two calls have filled a batch: how many there are is no matter of chance.
    let mut options = GraphOptions::default();
    (options.max_batch, options.max_wait) = (4, Duration::from_secs(3600));
    let graph = graphs.load("g", default_file(), options).unwrap();
    let of = |caller| tokens(&*model, &buffers, &[row(caller, 19), row(caller + 10, 19)]);
    let inputs: Vec<Vec<Tensor>> = (1..=6).map(of).collect();
    let names = || graph.signature().inputs.iter().map(|port| port.name.clone());
    let call = |inputs: &Vec<Tensor>| graph.compute(names().zip(inputs.clone()).collect());
    let outputs = block_on(join_all(inputs.iter().map(call)));
    for (inputs, outputs) in inputs.iter().zip(outputs) {
        let alone = model.run(inputs, &buffers).unwrap();
        let together = &outputs.unwrap()[0].1;
        assert_eq!(together.shape(), alone[0].shape());
        assert_close(&as_floats(together), &as_floats(&alone[0]));
    }
    let status = graph.status();
    assert_eq!((status.batches, status.rows, status.retried), (3, 12, 0));
}

#[test]
fn callers_at_the_same_time_get_their_own_rows() {
    let Some(backend) = backend() else { return };
    let (tiny, buffers) = (load(&backend, doubling()), Buffers::new(1 << 24));
    let large = default_model(&backend);
    let caller = |number: u32| {
        let ids = row(i64::from(number), 8 + i64::from(number));
        let label = || {
            let inputs = tokens(&*large, &buffers, std::slice::from_ref(&ids));
            as_floats(&large.run(&inputs, &buffers).unwrap()[0])
        };
        let expected = label();
        for time in 0..300 {
            let sentinel = (number * 1000 + time) as f32;
            let width = 1 + (number * 37 + time) % 700;
            let input = floats(&buffers, &[1, width], &vec![sentinel; width as usize]);
            let outputs = tiny.run(&[input], &buffers).unwrap();
            assert_eq!(as_floats(&outputs[0]), vec![sentinel * 2.0; width as usize]);
            if time % 100 == 0 {
                assert_close(&label(), &expected);
            }
        }
    };
    std::thread::scope(|scope| {
        for number in 0..8 {
            scope.spawn(move || caller(number));
        }
    });
}

#[test]
fn a_steady_state_allocates_no_tensors() {
    let Some(backend) = backend() else { return };
    let (model, buffers) = (load(&backend, doubling()), Buffers::new(1 << 24));
    let run = || {
        let input = floats(&buffers, &[4, 256], &[0.5; 1024]);
        assert_eq!(as_floats(&model.run(&[input], &buffers).unwrap()[0]), [1.0; 1024]);
    };
    run();
    let allocated = buffers.status().allocated;
    (0..100).for_each(|_| run());
    assert_eq!(buffers.status().allocated, allocated);
}

#[test]
fn the_signature_keeps_names_and_sizes_of_dimensions() {
    let Some(backend) = backend() else { return };
    let inputs = vec![port("a", F32, &["rows", "?", "3"]), port("b", U8, &[])];
    let outputs = vec![port("y", F32, &["rows", "?", "3"]), port("z", U8, &[])];
    let nodes = vec![node("Neg", &["a"], &["y"]), node("Identity", &["b"], &["z"])];
    let model = load(&backend, encode(&model(inputs, nodes, outputs)));
    let signature = model.signature();
    let dimensions = [Dimension::Named("rows".to_owned()), Dimension::Any, Dimension::Fixed(3)];
    assert_eq!(signature.inputs[0].dimensions.as_deref(), Some(&dimensions[..]));
    assert_eq!(signature.outputs[0].element, Element::F32);
    assert_eq!(
        (signature.inputs[1].element, &signature.inputs[1].dimensions),
        (Element::U8, &None)
    );
    let buffers = Buffers::new(1 << 20);
    let scalar = Tensor::copied(&buffers, Element::U8, &[], &[7]).unwrap();
    let inputs = [floats(&buffers, &[1, 2, 3], &[1.0; 6]), scalar];
    let outputs = model.run(&inputs, &buffers).unwrap();
    assert_eq!(as_floats(&outputs[0]), [-1.0; 6]);
    assert_eq!(outputs[1].bytes(), [7]);
}

#[test]
fn an_output_of_unknown_size_is_allocated_and_an_empty_one_is_an_error() {
    let Some(backend) = backend() else { return };
    let (x, y) = (port("x", F32, &["width"]), port("y", I64, &["1", "found"]));
    let file = encode(&model(vec![x], vec![node("NonZero", &["x"], &["y"])], vec![y]));
    let (model, buffers) = (load(&backend, file), Buffers::new(1 << 20));
    let run = |values: &[f32]| model.run(&[floats(&buffers, &[4], values)], &buffers);
    let outputs = run(&[0.0, 5.0, 0.0, 7.0]).unwrap();
    assert_eq!(outputs[0].shape().sizes(), [1, 2]);
    assert_eq!(outputs[0].bytes()[8], 3);
    let error = run(&[0.0; 4]).unwrap_err().to_string();
    assert!(error.contains("empty"), "{error}");
}

#[test]
fn an_input_that_is_an_output_comes_back_as_it_was() {
    let Some(backend) = backend() else { return };
    let x = || port("x", F32, &["rows", "width"]);
    let y = port("y", F32, &["rows", "width"]);
    let file = encode(&model(vec![x()], vec![node("Neg", &["x"], &["y"])], vec![x(), y]));
    let (model, buffers) = (load(&backend, file), Buffers::new(1 << 20));
    let input = floats(&buffers, &[1, 2], &[3.0, 4.0]);
    let outputs = model.run(&[input], &buffers).unwrap();
    assert_eq!(
        (as_floats(&outputs[0]), as_floats(&outputs[1])),
        (vec![3.0, 4.0], vec![-3.0, -4.0])
    );
}

#[test]
fn an_output_of_another_shape_than_declared_is_an_error() {
    let Some(backend) = backend() else { return };
    let (x, y) = (port("x", F32, &["rows", "width"]), port("y", F32, &["rows", "width"]));
    // Transposes: the output is of width times rows.
    let file = encode(&model(vec![x], vec![node("Transpose", &["x"], &["y"])], vec![y]));
    let Ok(model) = backend.load("tiny", file, Precision::F32.into()) else { return };
    let buffers = Buffers::new(1 << 20);
    let run = |sizes: &[u32]| model.run(&[floats(&buffers, sizes, &[1.0; 6])], &buffers);
    assert!(run(&[2, 3]).is_err() && run(&[6, 1]).is_err());
}

#[test]
fn a_failed_run_says_why_and_leaves_the_graph_usable() {
    let Some(backend) = backend() else { return };
    let (model, buffers) = (default_model(&backend), Buffers::new(1 << 20));
    let run = |id| model.run(&tokens(&*model, &buffers, &[vec![2, id, 3]]), &buffers);
    let error = run(1 << 40).unwrap_err().to_string();
    assert!(error.contains("out of data bounds") && error.len() < 300, "{error}");
    assert!(!error.contains("onnxruntime_src"), "{error}");
    run(17).unwrap();
}

#[test]
fn one_scale_for_a_whole_tensor_keeps_rows_apart() {
    let Some(backend) = backend() else { return };
    let outputs = vec![port("y", U8, &["rows", "width"])];
    let nodes = vec![node("DynamicQuantizeLinear", &["x"], &["y", "scale", "zero"])];
    let file = encode(&model(vec![port("x", F32, &["rows", "width"])], nodes, outputs));
    assert_eq!(load(&backend, file).batching(), Batching::Alone);
    assert_eq!(load(&backend, doubling()).batching(), Batching::Stacked);
}

#[test]
fn what_is_no_graph_is_refused() {
    let Some(backend) = backend() else { return };
    assert!(refusal(&backend, b"garbage, not a graph".to_vec()).contains("not an ONNX file"));
    let whole = doubling();
    for length in 1..whole.len() {
        refusal(&backend, whole[..length].to_vec());
    }
    let x = || port("x", F32, &["rows"]);
    let unknown = vec![node("Abracadabra", &["x"], &["y"])];
    let file = encode(&model(vec![x()], unknown, vec![port("y", F32, &["rows"])]));
    assert!(refusal(&backend, file).contains("Abracadabra"));
}

#[test]
fn a_type_that_callers_cannot_exchange_is_refused_by_name() {
    let Some(backend) = backend() else { return };
    let (x, y) = (port("flags", BOOL, &["rows"]), port("y", BOOL, &["rows"]));
    let file = encode(&model(vec![x], vec![node("Not", &["flags"], &["y"])], vec![y]));
    let reason = refusal(&backend, file);
    assert!(reason.contains("flags") && reason.contains("Bool"), "{reason}");
}

#[test]
fn other_files_are_not_read() {
    let Some(backend) = backend() else { return };
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret.bin");
    std::fs::write(&secret, [0u8; 16]).unwrap();
    for location in ["secret.bin", "../../../../etc/passwd", secret.to_str().unwrap()] {
        let reason = refusal(&backend, external(location));
        assert!(reason.contains("secret") && reason.contains("another file"), "{reason}");
    }
    let mut compiled = node("EPContext", &["x"], &["y"]);
    compiled.domain = "com.microsoft".to_owned();
    let (x, y) = (port("x", F32, &["rows"]), port("y", F32, &["rows"]));
    let reason = refusal(&backend, encode(&model(vec![x], vec![compiled], vec![y])));
    assert!(reason.contains("another file"), "{reason}");
}

#[test]
fn a_device_that_the_library_lacks_is_named_beside_those_it_has() {
    if backend().is_none() {
        return;
    }
    for name in ["cuda", "tensorrt", "openvino", "abacus"] {
        let device = Device::Provider(name.to_owned());
        let reason = match OnnxRuntime::new(OnnxRuntimeOptions { device, ..options() }) {
            Err(Error::Unavailable(reason)) => reason,
            Err(other) => panic!("{other:?}"),
            Ok(_) => continue,
        };
        assert!(reason.contains(name) && reason.contains("cpu"), "{reason}");
    }
}

#[test]
fn a_gpu_gives_what_the_processor_gives() {
    let Some(backend) = backend() else { return };
    let gpu = OnnxRuntimeOptions { device: Device::Gpu, ..options() };
    let gpu = match OnnxRuntime::new(gpu) {
        Ok(gpu) => gpu,
        Err(error) if error.to_string().contains("has no cuda") => return skipped(&error),
        Err(error) => panic!("{error}"),
    };
    let buffers = Buffers::new(1 << 24);
    let run = |backend: &OnnxRuntime| {
        let model = default_model(backend);
        let rows = [row(1, 43), row(2, 43)];
        as_floats(&model.run(&tokens(&*model, &buffers, &rows), &buffers).unwrap()[0])
    };
    for (cpu, gpu) in run(&backend).iter().zip(run(&gpu)) {
        assert!((cpu - gpu).abs() < 1e-2, "{cpu} and {gpu}");
    }
}

#[test]
fn a_process_has_one_runtime() {
    if backend().is_none() {
        return;
    }
    match OnnxRuntime::new(OnnxRuntimeOptions { threads: 3, ..options() }) {
        Err(Error::Unavailable(reason)) => {
            assert!(reason.contains("only once") && !reason.contains('\n'), "{reason}");
        }
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("there are two"),
    }
}
