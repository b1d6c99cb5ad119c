//! A model folder small enough to be made, and spoilt, inside a test.

use std::fs;
use std::path::Path;

use pilotlight_model::Digest;
use pilotlight_onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TensorType, TypeProto, ValueInfoProto, dimension, tensor_shape::Dimension,
    type_proto,
};
use tempfile::TempDir;

/// The vocabulary.
pub const WORDS: [&str; 8] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "ada", "paris", "met", "##s"];
/// The labels.
pub const LABELS: [&str; 3] = ["O", "B-PER", "B-LOC"];
const HIDDEN: usize = 32;

/// An f32 tensor.
pub fn floats(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: dims.to_vec(),
        data_type: 1,
        raw_data: values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>().into(),
        ..Default::default()
    }
}

/// A u8 tensor.
pub fn bytes(name: &str, dims: &[i64], values: Vec<u8>) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: dims.to_vec(),
        data_type: 2,
        raw_data: values.into(),
        ..Default::default()
    }
}

/// A node with one output.
pub fn node(op_type: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        op_type: op_type.into(),
        name: format!("node-{output}"),
        input: inputs.iter().map(|name| (*name).to_owned()).collect(),
        output: vec![output.into()],
        ..Default::default()
    }
}

/// An integer attribute.
pub fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.into(), i: value, r#type: 2, ..Default::default() }
}

/// An input or output; dimensions are sizes, or names where they are no numbers.
pub fn tensor_value(name: &str, elem_type: i32, dims: &[&str]) -> ValueInfoProto {
    let dimension = |dim: &&str| Dimension {
        value: Some(match dim.parse() {
            Ok(size) => dimension::Value::DimValue(size),
            Err(_) => dimension::Value::DimParam((*dim).into()),
        }),
        ..Default::default()
    };
    let shape = Some(TensorShapeProto { dim: dims.iter().map(dimension).collect() });
    let value = Some(type_proto::Value::TensorType(TensorType { elem_type, shape }));
    let r#type = Some(TypeProto { value, ..Default::default() });
    ValueInfoProto { name: name.into(), r#type, ..Default::default() }
}

/// Token 4 is a person, token 5 a place, everything else nothing.
pub fn graph() -> ModelProto {
    let mut table = vec![0.0; WORDS.len() * HIDDEN];
    let mut weights = vec![0.0; HIDDEN * LABELS.len()];
    for (token, label) in [(4, 1), (5, 2)] {
        table[token * HIDDEN + label] = 8.0;
        weights[label * LABELS.len() + label] = 1.0;
    }
    let (vocabulary, hidden, labels) = (WORDS.len() as i64, HIDDEN as i64, LABELS.len() as i64);
    ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
        graph: Some(GraphProto {
            node: vec![
                node("Gather", &["table", "input_ids"], "embedded"),
                node("MatMul", &["embedded", "weights"], "scored"),
                node("Add", &["scored", "bias"], "logits"),
            ],
            initializer: vec![
                floats("table", &[vocabulary, hidden], &table),
                floats("weights", &[hidden, labels], &weights),
                floats("bias", &[labels], &[1.0, 0.0, 0.0]),
            ],
            name: "tiny".into(),
            input: ["input_ids", "attention_mask"]
                .map(|name| tensor_value(name, 7, &["batch", "length"]))
                .to_vec(),
            output: vec![tensor_value("logits", 1, &["batch", "length", "3"])],
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// The same model with its weights in 4-bit blocks.
pub fn quantized_graph() -> ModelProto {
    let mut model = graph();
    let parts = model.graph.as_mut().unwrap();
    // Row `label` of [N, K] holds code 9 at column `label`, else 8: (9 - 8) · 1 = 1.
    let mut codes = vec![0x88; LABELS.len() * HIDDEN / 2];
    codes[HIDDEN / 2] = 0x98;
    codes[HIDDEN + 1] = 0x89;
    parts.initializer[1] = bytes("weights", &[LABELS.len() as i64, 1, 16], codes);
    parts.initializer.push(floats("scales", &[LABELS.len() as i64], &[1.0; 3]));
    parts.node[1] = NodeProto {
        domain: "com.microsoft".into(),
        attribute: vec![int("K", 32), int("N", 3), int("bits", 4), int("block_size", 32)],
        ..node("MatMulNBits", &["embedded", "weights", "scales"], "scored")
    };
    model
}

/// Its `tokenizer.json`.
pub fn tokenizer() -> serde_json::Value {
    let vocabulary: serde_json::Map<_, _> =
        WORDS.iter().enumerate().map(|(id, word)| ((*word).to_owned(), id.into())).collect();
    serde_json::json!({
        "version": "1.0",
        "truncation": {"max_length": 4, "stride": 0, "strategy": "LongestFirst", "direction": "Right"},
        "padding": {"strategy": {"Fixed": 128}, "direction": "Right", "pad_to_multiple_of": null,
            "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
        "added_tokens": [],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocabulary}
    })
}

/// Its `config.json`.
pub fn config() -> serde_json::Value {
    let labels: serde_json::Map<_, _> =
        LABELS.iter().enumerate().map(|(id, label)| (id.to_string(), (*label).into())).collect();
    serde_json::json!({"id2label": labels, "vocab_size": WORDS.len()})
}

/// Writes a model folder whose manifest fits its files.
pub fn folder(model: &ModelProto) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("model.onnx"), pilotlight_onnx::encode(model)).unwrap();
    fs::write(folder.path().join("tokenizer.json"), tokenizer().to_string()).unwrap();
    fs::write(folder.path().join("config.json"), config().to_string()).unwrap();
    seal(folder.path());
    folder
}

/// Writes the manifest for the files as they are now.
pub fn seal(folder: &Path) {
    let mut manifest = String::from(
        "name = \"tiny\"\ntask = \"token-classification\"\nmax-length = 16\nlicense = \"CC0-1.0\"\n\n[files]\n",
    );
    for file in ["model.onnx", "tokenizer.json", "config.json"] {
        if let Ok(content) = fs::read(folder.join(file)) {
            manifest.push_str(&format!("\"{file}\".sha256 = \"{}\"\n", Digest::of(&content)));
        }
    }
    fs::write(folder.join("model.toml"), manifest).unwrap();
}
