//! A model that says whatever a function says.

#![allow(dead_code, missing_docs, unreachable_pub, reason = "for fuzz targets")]

use pilotlight_guest::engine::{
    Element, Encoder, Engine, EngineError, NamedTensor, Padding, Port, Tensor,
};
use pilotlight_guest::model::TextModel;
use pilotlight_guest::text::Tokenizer;
use pilotlight_model::Manifest;

const MANIFEST: &str = r#"
name = "oracle"
task = "token-classification"
license = "CC0-1.0"
files = {}
"#;

type Scores = Box<dyn Fn(&[i64]) -> Vec<f32> + Send + Sync>;

/// Scores of `labels`, a row for each token of a sequence.
struct Oracle {
    ports: [Port; 2],
    labels: usize,
    scores: Scores,
}

impl Engine for Oracle {
    fn inputs(&self) -> &[Port] {
        &self.ports[..1]
    }

    fn outputs(&self) -> &[Port] {
        &self.ports[1..]
    }

    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<NamedTensor>, EngineError> {
        let (ids, _) = inputs[0].bytes.as_chunks::<8>();
        let ids: Vec<i64> = ids.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect();
        let bytes = (self.scores)(&ids).into_iter().flat_map(f32::to_le_bytes).collect();
        let shape = vec![1, ids.len(), self.labels];
        Ok(vec![("logits".to_owned(), Tensor { element: Element::F32, shape, bytes })])
    }

    fn place(&self) -> &'static str {
        "test"
    }
}

/// A token classifier with scores from a function of the token ids.
pub fn model(
    tokenizer: Tokenizer,
    labels: Vec<String>,
    scores: impl Fn(&[i64]) -> Vec<f32> + Send + Sync + 'static,
) -> TextModel {
    let port = |name: &str, element, dims| Port { name: name.to_owned(), element, dims };
    let ports = [
        port("input_ids", Element::I64, vec![None, None]),
        port("logits", Element::F32, vec![None, None, Some(labels.len())]),
    ];
    let engine = Oracle { ports, labels: labels.len(), scores: Box::new(scores) };
    let padding =
        Padding { pad_to_multiple_of: 1, longest: usize::MAX, fixed: None, first_position: 0 };
    let encoder = Encoder::new(Box::new(engine), padding, (1, None)).expect("it fits");
    TextModel::from_parts(tokenizer, encoder, labels, Manifest::parse(MANIFEST).expect("it fits"))
}
