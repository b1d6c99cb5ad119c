//! Graphs made by hand, the default model, and tract to compute them.

use std::path::PathBuf;

use bytes::Bytes;
use pilotlight_onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TensorType, TypeProto, ValueInfoProto, dimension, tensor_shape, type_proto,
};
use pilotlight_onnx::{Imported, decode, import};
use tract_core::internal::*;
use tract_core::plan::SimplePlan;

pub const LABELS: usize = 35;

pub fn default_file() -> Bytes {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read(root.join("models/pii-ner/model.onnx")).unwrap().into()
}

pub fn default_model() -> ModelProto {
    decode(default_file()).unwrap()
}

/// Token ids that stand for nothing in particular.
pub fn ids(count: usize, seed: usize) -> Vec<i64> {
    (0..count).map(|i| ((i * 7919 + seed * 104_729) % 16_000) as i64).collect()
}

pub struct Plan {
    plan: Arc<SimplePlan<TypedFact, Box<dyn TypedOp>>>,
}

impl Plan {
    pub fn new(imported: Imported) -> Self {
        Self { plan: SimplePlan::new(imported.model.into_optimized().unwrap()).unwrap() }
    }

    pub fn of(model: ModelProto) -> Self {
        Self::new(import(model).unwrap())
    }

    /// The first output for inputs in order.
    pub fn run(&self, inputs: impl IntoIterator<Item = Tensor>) -> Tensor {
        self.run_all(inputs).swap_remove(0)
    }

    /// All outputs for inputs in order.
    pub fn run_all(&self, inputs: impl IntoIterator<Item = Tensor>) -> Vec<Tensor> {
        let inputs = inputs.into_iter().map(Tensor::into_tvalue).collect();
        self.plan.run(inputs).unwrap().into_iter().map(TValue::into_tensor).collect()
    }

    /// Logits of sequences of one length, without padding.
    pub fn logits(&self, rows: &[Vec<i64>]) -> Vec<f32> {
        self.masked_logits(rows, &vec![vec![1; rows[0].len()]; rows.len()])
    }

    /// Logits of sequences of one length, of which the masks say where padding is.
    pub fn masked_logits(&self, rows: &[Vec<i64>], masks: &[Vec<i64>]) -> Vec<f32> {
        let shape = [rows.len(), rows[0].len()];
        let [ids, masks] =
            [rows, masks].map(|rows| Tensor::from_shape(&shape, &rows.concat()).unwrap());
        let zeros = Tensor::zero::<i64>(&shape).unwrap();
        floats_of(&self.run([ids, masks, zeros]))
    }
}

pub fn floats_of(tensor: &Tensor) -> Vec<f32> {
    tensor.try_as_plain_ram().unwrap().as_slice::<f32>().unwrap().to_vec()
}

pub fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

pub fn floats(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: dims.to_vec(),
        data_type: 1,
        raw_data: values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>().into(),
        ..Default::default()
    }
}

pub fn node(op_type: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        op_type: op_type.into(),
        name: format!("node-{output}"),
        input: inputs.iter().map(|name| (*name).to_owned()).collect(),
        output: vec![output.into()],
        ..Default::default()
    }
}

pub fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.into(), i: value, r#type: 2, ..Default::default() }
}

pub fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { name: name.into(), f: value, r#type: 1, ..Default::default() }
}

/// A declared tensor; sizes that are no numbers are names, or nothing where empty.
pub fn value(name: &str, elem_type: i32, dims: &[&str]) -> ValueInfoProto {
    let dim = |text: &&str| tensor_shape::Dimension {
        value: match text.parse() {
            Ok(size) => Some(dimension::Value::DimValue(size)),
            Err(_) if text.is_empty() => None,
            Err(_) => Some(dimension::Value::DimParam((*text).into())),
        },
        ..Default::default()
    };
    let shape = TensorShapeProto { dim: dims.iter().map(dim).collect() };
    let tensor = TensorType { elem_type, shape: Some(shape) };
    let value = Some(type_proto::Value::TensorType(tensor));
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto { value, ..Default::default() }),
        ..Default::default()
    }
}

pub fn model(graph: GraphProto) -> ModelProto {
    ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
        graph: Some(graph),
        ..Default::default()
    }
}

pub fn nodes(model: &ModelProto) -> &[NodeProto] {
    &model.graph.as_ref().unwrap().node
}

/// Pseudo-random numbers between -1 and 1.
pub fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}
