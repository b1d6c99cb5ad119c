use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

/// UTF-8 byte order mark (Unicode 23.8): of no meaning, and common in files written on Windows.
const BOM: &str = "\u{feff}";
/// What Python's `json` writes for floating-point numbers that JSON does not have.
const NOT_FINITE: [&str; 3] = ["NaN", "Infinity", "-Infinity"];
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

/// What is read of `config.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelConfig {
    names: Option<Vec<String>>,
    count: Option<usize>,
    vocabulary: Option<usize>,
    first_position: i64,
    has_transitions: bool,
}

impl ModelConfig {
    /// Reads `config.json` as `transformers` does: `NaN` and infinite numbers are accepted,
    /// `label2id` is ignored. Beyond that, a byte order mark and a list as `id2label` are accepted.
    ///
    /// # Errors
    /// The mistake, in words.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = str::from_utf8(without_bom(bytes)).map_err(|error| error.to_string())?;
        let config: Value =
            serde_json::from_str(&only_finite(text)).map_err(|error| error.to_string())?;
        if !config.is_object() {
            return Err("not a JSON object".to_owned());
        }
        let names = names(&config["id2label"])?;
        Ok(Self {
            count: if names.is_none() { count(&config["num_labels"])? } else { None },
            names,
            vocabulary: config["vocab_size"].as_u64().and_then(|size| size.try_into().ok()),
            first_position: first_position(&config),
            has_transitions: config["crf_transitions"].is_string(),
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
        self.has_transitions
    }

    /// Rows of the embedding.
    pub fn vocabulary(&self) -> Option<usize> {
        self.vocabulary
    }
}

fn first_position(config: &Value) -> i64 {
    let kind = config["model_type"].as_str().unwrap_or_default();
    let padding = u32::try_from(config["pad_token_id"].as_u64().unwrap_or(1)).unwrap_or(1);
    if POSITIONS_AFTER_PADDING.contains(&kind) { i64::from(padding) + 1 } else { 0 }
}

/// Bytes without the byte order mark that they may begin with.
pub fn without_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BOM.as_bytes()).unwrap_or(bytes)
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

/// The text with `null` instead of numbers that are not finite. Nothing that is read is one.
fn only_finite(text: &str) -> Cow<'_, str> {
    if !NOT_FINITE.iter().any(|number| text.contains(number)) {
        return Cow::Borrowed(text);
    }
    let (mut finite, mut rest, mut in_string) = (String::new(), text, false);
    while let Some(next) = rest.chars().next() {
        let number = NOT_FINITE.iter().find(|number| !in_string && rest.starts_with(**number));
        let length = match (number, next) {
            (Some(number), _) => {
                finite.push_str("null");
                rest = &rest[number.len()..];
                continue;
            }
            // An escaped quotation mark does not end a string.
            (None, '\\') if in_string => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            (None, '"') => {
                in_string = !in_string;
                1
            }
            (None, other) => other.len_utf8(),
        };
        finite.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    Cow::Owned(finite)
}
