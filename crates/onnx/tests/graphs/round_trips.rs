use pilotlight_onnx::proto::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, Segment,
    SparseTensorProto, StringStringEntryProto, TensorProto, TypeProto, ValueInfoProto, type_proto,
};
use pilotlight_onnx::{Pieces, decode, encode};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::{default_model, value};

#[test]
fn the_default_model_is_read_as_it_was_written() {
    let model = default_model();
    assert_eq!(model.ir_version, 8);
    assert_eq!(model.producer_name, "onnx.quantize");
    let graph = model.graph.as_ref().unwrap();
    assert_eq!((graph.node.len(), graph.value_info.len()), (529, 488));
    let written = encode(&model);
    let read = decode(&written[..]).unwrap();
    assert!(read == model);
    assert!(encode(&read) == written);
}

fn text() -> impl Strategy<Value = String> {
    "[a-zé😀/:.]{0,6}"
}

fn bytes() -> impl Strategy<Value = bytes::Bytes> {
    vec(any::<u8>(), 0..9).prop_map(bytes::Bytes::from)
}

fn entries() -> impl Strategy<Value = Vec<StringStringEntryProto>> {
    vec((text(), text()).prop_map(|(key, value)| StringStringEntryProto { key, value }), 0..3)
}

fn number() -> impl Strategy<Value = f32> {
    prop::num::f32::NORMAL | prop::num::f32::ZERO | prop::num::f32::INFINITE
}

fn tensor() -> impl Strategy<Value = TensorProto> {
    let numbers = (vec(number(), 0..4), vec(any::<i32>(), 0..4), vec(any::<i64>(), 0..4));
    let others = (vec(bytes(), 0..3), bytes(), vec(any::<u64>(), 0..4), any::<bool>());
    (vec(any::<i64>(), 0..4), 0..20i32, text(), numbers, others, entries()).prop_map(
        |(dims, data_type, name, (float_data, int32_data, int64_data), others, metadata_props)| {
            let (string_data, raw_data, uint64_data, segment) = others;
            TensorProto {
                double_data: int64_data.iter().map(|x| *x as f64).collect(),
                segment: segment.then_some(Segment { begin: 3, end: -4 }),
                doc_string: name.clone(),
                dims,
                data_type,
                name,
                float_data,
                int32_data,
                int64_data,
                string_data,
                raw_data,
                uint64_data,
                metadata_props,
                ..Default::default()
            }
        },
    )
}

fn sparse() -> impl Strategy<Value = SparseTensorProto> {
    let tensor = || prop::option::of(tensor());
    (tensor(), tensor(), vec(any::<i64>(), 0..3))
        .prop_map(|(values, indices, dims)| SparseTensorProto { values, indices, dims })
}

fn typed() -> impl Strategy<Value = TypeProto> {
    let tensor = vec(prop::sample::select(vec!["3", "0", "-1", "n", ""]), 0..4)
        .prop_map(|dims| value("", 7, &dims).r#type.unwrap_or_default().value.unwrap());
    let value = prop_oneof![
        tensor,
        bytes().prop_map(type_proto::Value::SequenceType),
        bytes().prop_map(type_proto::Value::MapType),
        bytes().prop_map(type_proto::Value::OpaqueType),
        bytes().prop_map(type_proto::Value::SparseTensorType),
        bytes().prop_map(type_proto::Value::OptionalType),
    ];
    (prop::option::of(value), text())
        .prop_map(|(value, denotation)| TypeProto { value, denotation })
}

fn declared() -> impl Strategy<Value = ValueInfoProto> {
    (text(), prop::option::of(typed()), entries()).prop_map(|(name, r#type, metadata_props)| {
        ValueInfoProto { doc_string: name.clone(), name, r#type, metadata_props }
    })
}

fn attribute(graph: BoxedStrategy<GraphProto>) -> impl Strategy<Value = AttributeProto> {
    let one = (number(), any::<i64>(), bytes(), prop::option::of(tensor()));
    let other = (prop::option::of(graph.clone()), prop::option::of(sparse()), typed());
    let many = (vec(number(), 0..3), vec(any::<i64>(), 0..3), vec(bytes(), 0..3));
    let nested = (vec(graph, 0..2), vec(sparse(), 0..2), vec(typed(), 0..2));
    (text(), 0..15i32, one, other, many, nested).prop_map(
        |(name, r#type, (f, i, s, t), (g, sparse_tensor, tp), (floats, ints, strings), nested)| {
            let (graphs, sparse_tensors, type_protos) = nested;
            AttributeProto {
                ref_attr_name: name.clone(),
                doc_string: name.clone(),
                tensors: t.iter().cloned().collect(),
                tp: Some(tp),
                name,
                r#type,
                f,
                i,
                s,
                t,
                g,
                sparse_tensor,
                floats,
                ints,
                strings,
                graphs,
                sparse_tensors,
                type_protos,
            }
        },
    )
}

fn a_node(graph: BoxedStrategy<GraphProto>) -> impl Strategy<Value = NodeProto> {
    let names = || vec(text(), 0..3);
    let lists = (vec(attribute(graph), 0..2), entries(), vec(bytes(), 0..2));
    (names(), names(), text(), text(), lists).prop_map(|(input, output, name, op_type, lists)| {
        let (attribute, metadata_props, device_configurations) = lists;
        NodeProto {
            domain: name.clone(),
            overload: op_type.clone(),
            doc_string: name.clone(),
            input,
            output,
            name,
            op_type,
            attribute,
            metadata_props,
            device_configurations,
        }
    })
}

fn graph(depth: u32) -> BoxedStrategy<GraphProto> {
    if depth == 0 {
        return Just(GraphProto::default()).boxed();
    }
    let nodes = vec(a_node(graph(depth - 1)), 0..2);
    let constants = (vec(tensor(), 0..2), vec(sparse(), 0..2), vec(bytes(), 0..2));
    let values = || vec(declared(), 0..2);
    (nodes, text(), constants, values(), values(), values(), entries())
        .prop_map(|(node, name, constants, input, output, value_info, metadata_props)| {
            let (initializer, sparse_initializer, quantization_annotation) = constants;
            GraphProto {
                doc_string: name.clone(),
                node,
                name,
                initializer,
                sparse_initializer,
                input,
                output,
                value_info,
                quantization_annotation,
                metadata_props,
            }
        })
        .boxed()
}

fn a_model() -> impl Strategy<Value = ModelProto> {
    let numbers = (any::<i64>(), any::<i64>());
    let rest = (a_node(graph(1)), declared(), entries(), vec(bytes(), 0..2));
    (numbers, text(), prop::option::of(graph(2)), rest).prop_map(
        |((ir_version, version), domain, graph, (node, value, metadata_props, configuration))| {
            let opset = vec![OperatorSetIdProto { domain: domain.clone(), version }];
            let function = FunctionProto {
                name: domain.clone(),
                input: node.input.clone(),
                output: node.output.clone(),
                attribute: node.input.clone(),
                attribute_proto: node.attribute.clone(),
                node: vec![node],
                doc_string: domain.clone(),
                opset_import: opset.clone(),
                domain: domain.clone(),
                overload: domain.clone(),
                value_info: vec![value],
                metadata_props: metadata_props.clone(),
            };
            ModelProto {
                ir_version,
                opset_import: opset,
                producer_name: domain.clone(),
                producer_version: domain.clone(),
                doc_string: domain.clone(),
                model_version: version,
                domain,
                graph,
                functions: vec![function],
                metadata_props,
                configuration,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_is_written_is_read_again(model in a_model(), piece in 1usize..100) {
        let file = encode(&model);
        prop_assert!(decode(&file[..]).unwrap() == model);
        let pieces: Pieces = file.chunks(piece).map(<[u8]>::to_vec).collect();
        prop_assert!(decode(pieces).unwrap() == model);
    }
}
