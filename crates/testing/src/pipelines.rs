//! Tiny models of many families, and what the pipelines of `transformers` and sentence-transformers answer with them:
//! the folders of `crates/testing/models`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use pilotlight_model::Task;
use serde_json::{Map, Value, json};

/// Numbers that two computations in f32 may differ by, relative to values above one.
const TOLERANCE: f64 = 2e-4;

/// Characters of a text that has more tokens than the models read.
const LONG: usize = 200;

/// The model folders, in order.
///
/// # Panics
/// If there are none.
pub fn models() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut models: Vec<PathBuf> =
        entries.filter(|path| path.join("answers.json").is_file()).collect();
    models.sort();
    assert!(!models.is_empty(), "there are no models");
    models
}

/// The model folder of a name.
pub fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(name)
}

/// What a model was asked, and what it answered in Python.
#[derive(Debug)]
pub struct Case {
    /// The task that was asked.
    pub task: Task,
    request: Value,
    /// None: the pipeline refuses the request.
    pub answer: Option<Value>,
    /// Keys to set in files of the folder first.
    pub files: BTreeMap<String, Map<String, Value>>,
}

/// All that the model in `folder` was asked.
///
/// # Panics
/// If its file has another form.
pub fn cases(folder: &Path) -> Vec<Case> {
    let text = fs::read_to_string(folder.join("answers.json")).unwrap();
    let entries: Vec<Value> = serde_json::from_str(&text).unwrap();
    entries.into_iter().map(Case::of).collect()
}

impl Case {
    fn of(entry: Value) -> Self {
        let files = entry.get("files").cloned().unwrap_or_else(|| json!({}));
        Self {
            task: entry["task"].as_str().unwrap().parse().unwrap(),
            request: entry["request"].clone(),
            answer: entry.get("answer").cloned(),
            files: serde_json::from_value(files).unwrap(),
        }
    }

    /// Where it is posted to.
    pub fn path(&self) -> String {
        format!("/v1/{}", self.task)
    }

    /// The request, with what differs by intent: entities are grouped unless told otherwise, as in Hugging Face's
    /// inference API, and arguments of the tokenizer have keys of their own.
    pub fn body(&self) -> Value {
        let mut request = self.request.clone();
        let Some(request) = request.as_object_mut() else { return Value::Null };
        let parameters = request.entry("parameters").or_insert_with(|| json!({}));
        if let Some(parameters) = parameters.as_object_mut() {
            if let Some(Value::Object(arguments)) = parameters.remove("tokenizer_kwargs") {
                parameters.extend(arguments);
            }
            if self.task == Task::TokenClassification {
                parameters.entry("aggregation_strategy").or_insert_with(|| json!("none"));
            }
        }
        Value::Object(request.clone())
    }

    /// Whether the pipeline leaves out the end of a text in which all entities are found here: the last one that it
    /// finds ends in the first half of a long text.
    pub fn is_cut_short(&self) -> bool {
        let length = self.request["inputs"].as_str().map_or(0, |text| text.chars().count());
        let end =
            self.answer.as_ref().and_then(|answer| answer.as_array()?.last()?["end"].as_u64());
        let cut = end.is_some_and(|end| end as usize * 2 < length);
        self.task == Task::TokenClassification && length > LONG && cut
    }

    /// Where an answer with this status and body differs, if it does.
    pub fn difference(&self, status: u16, body: &str) -> Option<String> {
        match (&self.answer, status) {
            (Some(answer), 200) => match serde_json::from_str(body) {
                Ok(found) => difference(answer, &found, ""),
                Err(error) => Some(format!("the answer is not JSON: {error}")),
            },
            (None, 422) => None,
            (None, 200) => Some("it is not refused".to_owned()),
            (_, status) => Some(format!("{status}: {body}")),
        }
    }
}

/// Where the second value differs from the first, if it does; `at` is the place of both.
pub fn difference(expected: &Value, found: &Value, at: &str) -> Option<String> {
    let differs = || Some(format!("at {at}: {found} instead of {expected}"));
    match (expected, found) {
        (Value::Number(one), Value::Number(two)) => {
            let (one, two) = (one.as_f64().unwrap(), two.as_f64().unwrap());
            if (one - two).abs() <= TOLERANCE * one.abs().max(1.0) { None } else { differs() }
        }
        (Value::Array(one), Value::Array(two)) if one.len() == two.len() => {
            let pairs = one.iter().zip(two).enumerate();
            pairs
                .into_iter()
                .find_map(|(place, (one, two))| difference(one, two, &format!("{at}/{place}")))
        }
        (Value::Object(one), Value::Object(two)) if one.keys().eq(two.keys()) => {
            one.iter().find_map(|(key, value)| difference(value, &two[key], &format!("{at}/{key}")))
        }
        (one, two) if one == two => None,
        _ => differs(),
    }
}
