//! A small encoder: embeddings of tokens and segments, a layer, rows for tokens and one for the text.

use pilotlight_onnx::encode;
use pilotlight_onnx::proto::{AttributeProto, ModelProto, NodeProto, TensorProto};

use crate::graphs;
use crate::tiny_model::{floats, int, node, tensor_value};

/// Tokens that it knows.
pub const VOCABULARY: i64 = 50;
/// Segments that it knows.
pub const SEGMENTS: i64 = 2;
const WIDTH: i64 = 32;
const HEADS: i64 = 2;
const INNER: i64 = 64;

/// Its file, for any number of tokens.
pub fn file() -> Vec<u8> {
    encode(&model("sequence"))
}

/// Its file, for texts of `length` tokens.
pub fn file_of_length(length: usize) -> Vec<u8> {
    encode(&model(&length.to_string()))
}

/// Its graph, for texts of `length` tokens: a number, or a name for any. Inputs: i64, `[batch, length]`; outputs:
/// f32, `logits` of `[batch, length, 5]` and `pooled` of `[batch, 32]`.
pub fn model(length: &str) -> ModelProto {
    let input = |name: &str| tensor_value(name, 7, &["batch", length]);
    let names = ["input_ids", "attention_mask", "token_type_ids"];
    let inputs = names.map(input).into();
    let nodes = [embeddings(), attention(), feed_forward(), heads()].concat();
    let outputs = vec![
        tensor_value("logits", 1, &["batch", length, "5"]),
        tensor_value("pooled", 1, &["batch", "32"]),
    ];
    let mut model = graphs::model(inputs, nodes, outputs);
    if let Some(graph) = &mut model.graph {
        graph.initializer = constants();
    }
    model
}

fn embeddings() -> Vec<NodeProto> {
    vec![
        node("Gather", &["words", "input_ids"], "word"),
        node("Gather", &["segments", "token_type_ids"], "segment"),
        node("Add", &["word", "segment"], "sum"),
        normal("sum", "x"),
    ]
}

fn attention() -> Vec<NodeProto> {
    let project = |weights: &str, to: &str| node("MatMul", &["x", weights], to);
    let split = |from: &str, to: &str| node("Reshape", &[from, "split"], to);
    let axes = |from: &str, to: &str, perm: &[i64]| {
        with(node("Transpose", &[from], to), ints("perm", perm))
    };
    let mut cast = node("Cast", &["attention_mask"], "floats");
    cast.attribute = vec![int("to", 1)];
    vec![
        cast,
        node("Unsqueeze", &["floats", "middle"], "wide"),
        node("Sub", &["one", "wide"], "padding"),
        node("Mul", &["padding", "little"], "mask"),
        project("wq", "q"),
        project("wk", "k"),
        project("wv", "v"),
        split("q", "qs"),
        split("k", "ks"),
        split("v", "vs"),
        axes("qs", "qt", &[0, 2, 1, 3]),
        axes("ks", "kt", &[0, 2, 3, 1]),
        axes("vs", "vt", &[0, 2, 1, 3]),
        node("MatMul", &["qt", "kt"], "products"),
        node("Div", &["products", "root"], "scores"),
        node("Add", &["scores", "mask"], "masked"),
        with(node("Softmax", &["masked"], "weights"), int("axis", -1)),
        node("MatMul", &["weights", "vt"], "context"),
        axes("context", "ct", &[0, 2, 1, 3]),
        node("Reshape", &["ct", "join"], "joined"),
        node("MatMul", &["joined", "wo"], "attended"),
        node("Add", &["attended", "x"], "around"),
        normal("around", "middle_rows"),
    ]
}

fn feed_forward() -> Vec<NodeProto> {
    vec![
        node("MatMul", &["middle_rows", "w1"], "inner"),
        node("Add", &["inner", "b1"], "h"),
        node("Div", &["h", "sqrt2"], "scaled"),
        node("Erf", &["scaled"], "erf"),
        node("Add", &["erf", "one"], "gate"),
        node("Mul", &["h", "gate"], "gated"),
        node("Mul", &["gated", "half"], "g"),
        node("MatMul", &["g", "w2"], "outer"),
        node("Add", &["outer", "b2"], "biased"),
        node("Add", &["biased", "middle_rows"], "beside"),
        normal("beside", "last"),
    ]
}

fn heads() -> Vec<NodeProto> {
    vec![
        node("MatMul", &["last", "classes"], "logits"),
        node("Gather", &["last", "zero"], "first"),
        node("MatMul", &["first", "wq"], "pool"),
        node("Tanh", &["pool"], "pooled"),
    ]
    .into_iter()
    .map(|node| match &node.output[0][..] {
        "first" => with(node, int("axis", 1)),
        _ => node,
    })
    .collect()
}

fn constants() -> Vec<TensorProto> {
    let matrix = |name: &str, rows: i64, columns: i64, seed| {
        let scale = (rows as f32).sqrt().recip() * 3.0;
        let values: Vec<f32> =
            noise((rows * columns) as usize, seed).iter().map(|x| x * scale).collect();
        floats(name, &[rows, columns], &values)
    };
    let vector =
        |name: &str, length: i64, seed| floats(name, &[length], &noise(length as usize, seed));
    let number = |name: &str, value: f32| floats(name, &[], &[value]);
    let numbers = |name: &str, dims: &[i64], values: &[i64]| TensorProto {
        name: name.into(),
        dims: dims.to_vec(),
        data_type: 7,
        int64_data: values.to_vec(),
        ..Default::default()
    };
    vec![
        matrix("words", VOCABULARY, WIDTH, 1),
        matrix("segments", SEGMENTS, WIDTH, 2),
        matrix("wq", WIDTH, WIDTH, 3),
        matrix("wk", WIDTH, WIDTH, 4),
        matrix("wv", WIDTH, WIDTH, 5),
        matrix("wo", WIDTH, WIDTH, 6),
        matrix("w1", WIDTH, INNER, 7),
        matrix("w2", INNER, WIDTH, 8),
        matrix("classes", WIDTH, 5, 9),
        vector("b1", INNER, 10),
        vector("b2", WIDTH, 11),
        vector("gamma", WIDTH, 12),
        vector("beta", WIDTH, 13),
        number("one", 1.0),
        number("half", 0.5),
        number("sqrt2", std::f32::consts::SQRT_2),
        number("root", ((WIDTH / HEADS) as f32).sqrt()),
        number("little", -1e4),
        numbers("split", &[4], &[0, 0, HEADS, WIDTH / HEADS]),
        numbers("join", &[3], &[0, 0, WIDTH]),
        numbers("middle", &[2], &[1, 2]),
        numbers("zero", &[], &[0]),
    ]
}

fn normal(from: &str, to: &str) -> NodeProto {
    let epsilon =
        AttributeProto { name: "epsilon".into(), f: 1e-5, r#type: 1, ..Default::default() };
    with(node("LayerNormalization", &[from, "gamma", "beta"], to), epsilon)
}

fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto { name: name.into(), ints: values.to_vec(), r#type: 7, ..Default::default() }
}

fn with(node: NodeProto, attribute: AttributeProto) -> NodeProto {
    NodeProto { attribute: vec![attribute], ..node }
}

/// Pseudo-random numbers between -1 and 1.
fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}
