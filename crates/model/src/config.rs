use std::collections::BTreeMap;

use serde_json::Value;

use crate::{ProblemType, json};

/// A graph with more labels does not exist.
const MOST_LABELS: u64 = 1 << 16;

/// Model types whose positions begin behind the padding token's id
/// (`create_position_ids_from_input_ids` in Hugging Face's `transformers`).
const POSITIONS_AFTER_PADDING: [&str; 10] = [
    "camembert",
    "data2vec-text",
    "ibert",
    "longformer",
    "mpnet",
    "roberta",
    "roberta-prelayernorm",
    "xlm-roberta",
    "xlm-roberta-xl",
    "xmod",
];

/// Keys that say how many positions a model has, by its family.
const POSITIONS: [&str; 3] = ["max_position_embeddings", "n_positions", "max_positions"];

/// The supported keys of `config.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelConfig {
    names: Option<Vec<String>>,
    count: Option<usize>,
    vocabulary: Option<usize>,
    first_position: i64,
    positions: Option<u64>,
    architectures: Vec<String>,
    problem_type: Option<ProblemType>,
    activation: Option<String>,
    base: Option<String>,
    crf_transitions: Option<String>,
}

impl ModelConfig {
    /// Reads `config.json` as `transformers` does: `NaN` and infinite numbers are accepted,
    /// `label2id` is ignored. Beyond that, a byte order mark and a list as `id2label` are accepted.
    ///
    /// # Errors
    /// The mistake, in words.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let config = json::parse(bytes)?;
        if !config.is_object() {
            return Err("not a JSON object".to_owned());
        }
        let names = names(&config["id2label"])?;
        let text = |key: &str| config[key].as_str().map(str::to_owned);
        let list = config["architectures"].as_array().into_iter().flatten();
        Ok(Self {
            count: if names.is_none() { count(&config["num_labels"])? } else { None },
            names,
            vocabulary: config["vocab_size"].as_u64().and_then(|size| size.try_into().ok()),
            first_position: first_position(&config),
            positions: POSITIONS.iter().find_map(|key| config[key].as_u64()),
            architectures: list.filter_map(Value::as_str).map(str::to_owned).collect(),
            problem_type: serde_json::from_value(config["problem_type"].clone()).ok(),
            activation: activation(&config).map(str::to_owned),
            base: text("_name_or_path"),
            crf_transitions: text("crf_transitions"),
        })
    }

    /// The labels by their indices. Without `id2label` they are `LABEL_0`, `LABEL_1` and so on, as
    /// many as `num_labels` says, or else as the graph has (`width`). `None` if nobody says how many.
    pub fn labels(&self, width: Option<usize>) -> Option<Vec<String>> {
        let numbered = |count| (0..count).map(|index| format!("LABEL_{index}")).collect();
        self.names.clone().or_else(|| self.count.or(width).map(numbered))
    }

    /// The position of a sequence's first token, for graphs that are given `position_ids`.
    pub fn first_position(&self) -> i64 {
        self.first_position
    }

    /// Whether it names a file that says how likely one label follows another. Then the graph may have
    /// more columns than there are labels: for what a sequence begins and ends with.
    pub fn has_transitions(&self) -> bool {
        self.crf_transitions.is_some()
    }

    /// Rows of the embedding.
    pub fn vocabulary(&self) -> Option<usize> {
        self.vocabulary
    }

    /// Tokens that a sequence can have, as far as the positions of the model say.
    pub fn positions(&self) -> Option<u64> {
        Some(self.positions?.saturating_sub(self.first_position.unsigned_abs()))
    }

    /// Classes of `transformers` that the model was made with, such as `BertForTokenClassification`.
    pub fn architectures(&self) -> &[String] {
        &self.architectures
    }

    /// Meaning of the scores of a text classifier.
    pub fn problem_type(&self) -> Option<ProblemType> {
        self.problem_type
    }

    /// Class of the function that sentence-transformers applies to the scores of a cross-encoder, such
    /// as `torch.nn.modules.linear.Identity`; no other model has one.
    pub fn activation(&self) -> Option<&str> {
        self.activation.as_deref()
    }

    /// Model from which this one was made.
    pub fn base(&self) -> Option<&str> {
        self.base.as_deref()
    }

    /// File of the matrix that says how likely one label follows another.
    pub fn crf_transitions(&self) -> Option<&str> {
        self.crf_transitions.as_deref()
    }
}

fn first_position(config: &Value) -> i64 {
    let kind = config["model_type"].as_str().unwrap_or_default();
    let padding = u32::try_from(config["pad_token_id"].as_u64().unwrap_or(1)).unwrap_or(1);
    if POSITIONS_AFTER_PADDING.contains(&kind) { i64::from(padding) + 1 } else { 0 }
}

/// sentence-transformers names the activation of a cross-encoder, from version 4 on in a table of
/// its own.
fn activation(config: &Value) -> Option<&str> {
    let named = config["sentence_transformers"]["activation_fn"].as_str();
    named.or_else(|| config["sbert_ce_default_activation_function"].as_str())
}

fn count(num_labels: &Value) -> Result<Option<usize>, String> {
    match num_labels {
        Value::Null => Ok(None),
        number => {
            let count = number.as_u64().filter(|count| (1..=MOST_LABELS).contains(count));
            let wrong = || format!("num_labels must be a number from 1 to {MOST_LABELS}");
            count.map(|count| Some(count as usize)).ok_or_else(wrong)
        }
    }
}

fn names(id2label: &Value) -> Result<Option<Vec<String>>, String> {
    let must = || "id2label must name the labels 0, 1, 2 …".to_owned();
    let by_index: BTreeMap<usize, &Value> = match id2label {
        Value::Null => return Ok(None),
        Value::Array(list) => list.iter().enumerate().collect(),
        Value::Object(table) => {
            let indices =
                table.iter().map(|(index, name)| Some((index.trim().parse().ok()?, name)));
            let by_index: BTreeMap<_, _> = indices.collect::<Option<_>>().ok_or_else(must)?;
            // "1" and "01" would be one label.
            if by_index.len() != table.len() {
                return Err(must());
            }
            by_index
        }
        _ => return Err(must()),
    };
    if by_index.is_empty() || by_index.keys().enumerate().any(|(place, index)| place != *index) {
        return Err(must());
    }
    let name = |(index, name): (usize, &Value)| {
        let wrong = || format!("id2label: label {index} is {name}; labels must be strings");
        name.as_str().map(str::to_owned).ok_or_else(wrong)
    };
    by_index.into_iter().map(name).collect::<Result<_, _>>().map(Some)
}
