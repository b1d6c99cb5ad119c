//! Graphs with a state, brought into a form with a row for each session.

use std::fs;

use pilotlight_onnx::proto::ModelProto;
use pilotlight_onnx::{
    OnnxError, decode, encode, rows_are_independent, signature_of, stack_sessions,
};
use pilotlight_testing::graphs::{F32, I64, port};
use pilotlight_testing::{real_model, tiny_voice};

const FRAME: u64 = 576;
const RATE: i64 = 16_000;

fn stacked(mut model: ModelProto) -> Result<ModelProto, OnnxError> {
    stack_sessions(&mut model, FRAME, RATE).map(|()| model)
}

/// Names and dimensions of inputs or outputs.
fn shapes(ports: &[pilotlight_model::GraphPort]) -> Vec<(String, Vec<Option<u64>>)> {
    ports.iter().map(|port| (port.name.clone(), port.dims.clone().unwrap())).collect()
}

#[test]
fn the_first_dimension_counts_sessions_and_rows_are_independent() {
    let model = stacked(tiny_voice::proto()).unwrap();
    let signature = signature_of(&model);
    let row = |name: &str, dims: &[u64]| {
        let dims = dims.iter().map(|size| Some(*size));
        (name.to_owned(), std::iter::once(None).chain(dims).collect::<Vec<_>>())
    };
    let inputs = [row("input", &[576]), row("state_of_sessions", &[2, 128])];
    assert_eq!(shapes(&signature.inputs), inputs);
    let outputs = [row("output", &[1]), row("stateN_of_sessions", &[2, 128])];
    assert_eq!(shapes(&signature.outputs), outputs);
    rows_are_independent(model).unwrap();
}

#[test]
fn states_get_names_that_nothing_has() {
    let mut model = tiny_voice::proto();
    let graph = model.graph.as_mut().unwrap();
    graph.node[0].output[0] = "state_of_sessions".into();
    graph.node[1].input[0] = "state_of_sessions".into();
    let signature = signature_of(&stacked(model).unwrap());
    assert_eq!(signature.inputs[1].name, "state_of_sessions_1");
}

#[test]
fn a_sample_rate_becomes_a_constant() {
    let mut model = tiny_voice::proto();
    model.graph.as_mut().unwrap().input.push(port("sr", I64, &[]));
    let model = stacked(model).unwrap();
    assert_eq!(signature_of(&model).inputs.len(), 2);
    let constants = &model.graph.as_ref().unwrap().initializer;
    let rate = constants.iter().find(|constant| constant.name == "sr").unwrap();
    assert_eq!(rate.raw_data[..], RATE.to_le_bytes());
}

#[test]
fn what_is_neither_a_frame_nor_a_state_is_refused_by_name() {
    let mut model = tiny_voice::proto();
    model.graph.as_mut().unwrap().input[0] = port("samples", F32, &["1", "512"]);
    assert!(stacked(model).unwrap_err().to_string().contains("input samples is neither"));
    let mut model = tiny_voice::proto();
    model.graph.as_mut().unwrap().output[0] = port("p", F32, &[]);
    assert!(stacked(model).unwrap_err().to_string().contains("output p is neither"));
    assert!(stacked(ModelProto::default()).is_err());
}

#[test]
fn rows_of_silero_are_independent() {
    let Some(folder) = real_model("silero-vad") else { return };
    let file = fs::read(folder.join("silero_vad_openvino_16k.onnx")).unwrap();
    let model = stacked(decode(&file[..]).unwrap()).unwrap();
    rows_are_independent(decode(&encode(&model)[..]).unwrap()).unwrap();
}
