use pilotlight_onnx::proto::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, SparseTensorProto,
    StringStringEntryProto, TensorProto,
};
use pilotlight_onnx::{OnnxError, Precision, decode, encode, import, parse, rewrite};
use proptest::prelude::*;

use crate::support::{floats, int, model, node, noise, value};

/// An encoder of one table and one layer, some of whose weights are in 4-bit blocks.
fn small() -> ModelProto {
    let codes = TensorProto {
        name: "codes".into(),
        dims: vec![3, 2, 16],
        data_type: 2,
        raw_data: vec![0x97; 96].into(),
        ..Default::default()
    };
    let attribute = vec![int("K", 64), int("N", 3), int("bits", 4), int("block_size", 32)];
    model(GraphProto {
        node: vec![
            node("Gather", &["table", "input_ids"], "embedded"),
            node("MatMul", &["embedded", "dense"], "hidden"),
            NodeProto {
                domain: "com.microsoft".into(),
                attribute,
                ..node("MatMulNBits", &["hidden", "codes", "scales"], "logits")
            },
        ],
        initializer: vec![
            floats("table", &[8, 32], &noise(256, 1)),
            floats("dense", &[32, 64], &noise(2048, 2)),
            codes,
            floats("scales", &[6], &[0.5; 6]),
        ],
        input: vec![value("input_ids", 7, &["batch", "length"])],
        output: vec![value("logits", 1, &["batch", "length", "3"])],
        ..Default::default()
    })
}

/// Everything that can be done with a file.
fn use_up(bytes: Vec<u8>) {
    let _ = parse(&bytes[..], Precision::F32);
    let Ok(model) = decode(&bytes[..]) else { return };
    for rewrite in [rewrite::to_f32, rewrite::to_int8] {
        let mut model = model.clone();
        if rewrite(&mut model).is_ok() {
            decode(&encode(&model)[..]).unwrap();
            let _ = import(model);
        }
    }
    if let Ok(imported) = import(model) {
        let _ = imported.model.into_optimized();
    }
}

fn elsewhere() -> TensorProto {
    let location = StringStringEntryProto { key: "location".into(), value: "/etc/passwd".into() };
    TensorProto {
        name: "elsewhere".into(),
        data_location: 1,
        external_data: vec![location],
        ..Default::default()
    }
}

fn attribute(tensor: TensorProto) -> AttributeProto {
    AttributeProto { name: "value".into(), t: Some(tensor), r#type: 4, ..Default::default() }
}

#[test]
fn data_in_another_file_is_refused_wherever_it_hides() {
    let sparse = || SparseTensorProto { values: Some(elsewhere()), ..Default::default() };
    let with = |attribute| NodeProto { attribute: vec![attribute], ..node("Constant", &[], "c") };
    let nested = |graph| AttributeProto { graphs: vec![graph], ..Default::default() };
    let function = |function| ModelProto { functions: vec![function], ..Default::default() };
    let in_graph = |graph| ModelProto { graph: Some(graph), ..Default::default() };
    let in_node = |attribute| GraphProto { node: vec![with(attribute)], ..Default::default() };
    let sneaky = TensorProto { data_location: 0, ..elsewhere() };
    let files = [
        in_graph(GraphProto { initializer: vec![elsewhere()], ..Default::default() }),
        in_graph(GraphProto { initializer: vec![sneaky], ..Default::default() }),
        in_graph(GraphProto { sparse_initializer: vec![sparse()], ..Default::default() }),
        in_graph(in_node(attribute(elsewhere()))),
        in_graph(in_node(AttributeProto { tensors: vec![elsewhere()], ..Default::default() })),
        in_graph(in_node(AttributeProto { sparse_tensor: Some(sparse()), ..Default::default() })),
        in_graph(in_node(nested(in_node(attribute(elsewhere()))))),
        in_graph(in_node(AttributeProto {
            g: Some(GraphProto { initializer: vec![elsewhere()], ..Default::default() }),
            ..Default::default()
        })),
        function(FunctionProto { node: vec![with(attribute(elsewhere()))], ..Default::default() }),
        function(FunctionProto {
            attribute_proto: vec![attribute(elsewhere())],
            ..Default::default()
        }),
    ];
    for (index, file) in files.iter().enumerate() {
        let refused = decode(&encode(file)[..]);
        assert!(
            matches!(&refused, Err(OnnxError::ExternalData(name)) if name == "elsewhere"),
            "{index}: {refused:?}"
        );
    }
}

#[test]
fn what_cannot_be_rewritten_is_refused_by_name() {
    type Spoil = fn(&mut ModelProto);
    fn graph(model: &mut ModelProto) -> &mut GraphProto {
        model.graph.as_mut().unwrap()
    }
    let cases: [(Spoil, &str); 10] = [
        (|model| model.graph = None, "the file holds no graph"),
        (|model| model.opset_import.clear(), "operator set 1 "),
        (|model| model.ir_version = 3, "IR 3 "),
        (|model| model.opset_import[0].version = 10, "operator set 10 "),
        (|model| graph(model).initializer[1].raw_data.clear(), "tensor dense: 0 elements"),
        (
            |model| {
                graph(model).initializer[1] = floats("dense", &[32, 64], &[f32::INFINITY; 2048])
            },
            "tensor dense: it has values that are not finite",
        ),
        (|model| graph(model).node[2].output.clear(), "it has no output"),
        (|model| graph(model).node[2].input.truncate(2), "input 2 is missing"),
        (|model| graph(model).node[2].input[1] = "hidden".into(), "input 1 is not a constant"),
        (|model| graph(model).initializer[3].data_type = 10, "only scales of type f32"),
    ];
    for (spoil, expected) in cases {
        let mut model = small();
        spoil(&mut model);
        let reason = rewrite::to_int8(&mut model).unwrap_err().to_string();
        assert!(reason.contains(expected), "{reason} is not about {expected}");
    }
}

#[test]
fn inputs_without_a_type_are_refused_by_name() {
    type Spoil = fn(&mut GraphProto);
    let cases: [(Spoil, &str); 4] = [
        (|graph| graph.input[0].r#type = None, "input input_ids is not declared to be a tensor"),
        (|graph| graph.input[0] = value("input_ids", 16, &[]), "unsupported element type 16"),
        (|graph| graph.input[0] = value("input_ids", 7, &["🎯0"]), "reserved name"),
        (|graph| graph.input[0] = value("input_ids", 7, &["999999999999"]), "exceeds"),
    ];
    for (spoil, expected) in cases {
        let mut model = small();
        spoil(model.graph.as_mut().unwrap());
        let reason = import(model).err().unwrap().to_string();
        assert!(reason.contains(expected), "{reason} is not about {expected}");
    }
}

#[test]
fn a_truncated_file_is_refused_or_read() {
    let bytes = encode(&small());
    (0..bytes.len()).step_by(7).for_each(|length| use_up(bytes[..length].to_vec()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn a_file_with_changed_bytes_is_refused_or_read(
        integers in any::<bool>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut model = small();
        if integers {
            rewrite::to_int8(&mut model).unwrap();
        }
        // Weights are most of the file, and any bytes are as good as others there.
        let graph = model.graph.as_mut().unwrap();
        graph.initializer.iter_mut().filter(|tensor| tensor.raw_data.len() > 200).for_each(|tensor| {
            tensor.raw_data = vec![0; tensor.raw_data.len()].into();
            tensor.doc_string = "weights".into();
        });
        let mut bytes = encode(&model);
        let places: Vec<usize> = (0..bytes.len()).filter(|place| bytes[*place] != 0).collect();
        for (place, byte) in changes {
            bytes[*place.get(&places)] = byte;
        }
        use_up(bytes);
    }
}
