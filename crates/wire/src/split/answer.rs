//! Answers put together.

use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};

use super::declaration::Split;
use super::object::RawObject;

/// The answer to a whole request, of those to its parts: which text is the first of each, and the JSON
/// that it was answered with. At most `limit` of the answers are kept. `None` if the answers are not
/// as `split` has them.
pub fn join(split: &Split, limit: Option<usize>, parts: &[(usize, &[u8])]) -> Option<Vec<u8>> {
    let mut whole = Whole::default();
    for (first, json) in parts {
        whole.add(split, *first, std::str::from_utf8(json).ok()?)?;
    }
    if split.sorted_by.is_some() {
        // Stable: equals stay in the order of their texts.
        whole.answers.sort_by(|a, b| b.rank.total_cmp(&a.rank));
    }
    whole.answers.truncate(limit.unwrap_or(usize::MAX));
    let answers: Vec<Box<RawValue>> = whole.answers.into_iter().map(|one| one.json).collect();
    let Some(mut object) = whole.object else { return serde_json::to_vec(&answers).ok() };
    object.replace(&split.answers, to_raw_value(&answers).ok()?)?;
    for (key, sum) in split.sums.iter().zip(whole.sums) {
        object.replace(key, to_raw_value(&sum).ok()?)?;
    }
    serde_json::to_vec(&object).ok()
}

#[derive(Default)]
struct Whole {
    /// What the answers stand in, of the first part.
    object: Option<RawObject>,
    answers: Vec<Answer>,
    sums: Vec<u64>,
}

/// The answer to a text.
struct Answer {
    rank: f64,
    json: Box<RawValue>,
}

impl Whole {
    fn add(&mut self, split: &Split, first: usize, json: &str) -> Option<()> {
        let answers: Vec<Box<RawValue>> = if split.answers.is_empty() {
            serde_json::from_str(json).ok()?
        } else {
            let object = RawObject::read(json)?;
            let answers = read(&object.get(&split.answers)?)?;
            self.sums.resize(split.sums.len(), 0);
            for (key, sum) in split.sums.iter().zip(&mut self.sums) {
                *sum = sum.checked_add(read::<u64>(&object.get(key)?)?)?;
            }
            self.object.get_or_insert(object);
            answers
        };
        for json in answers {
            self.answers.push(answer(split, first, json)?);
        }
        Some(())
    }
}

/// An answer as it stands in the whole.
fn answer(split: &Split, first: usize, json: Box<RawValue>) -> Option<Answer> {
    if split.index.is_none() && split.sorted_by.is_none() {
        return Some(Answer { rank: 0.0, json });
    }
    let mut object = RawObject::read(json.get())?;
    let rank = match &split.sorted_by {
        Some(key) => read(&object.get(key)?)?,
        None => 0.0,
    };
    if let Some(key) = &split.index {
        let index = read::<usize>(&object.get(key)?)?.checked_add(first)?;
        object.replace(key, to_raw_value(&index).ok()?)?;
    }
    Some(Answer { rank, json: to_raw_value(&object).ok()? })
}

fn read<'a, T: Deserialize<'a>>(json: &'a RawValue) -> Option<T> {
    serde_json::from_str(json.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(split: &Split, limit: Option<usize>, parts: &[(usize, &str)]) -> Option<String> {
        let parts: Vec<_> = parts.iter().map(|(first, json)| (*first, json.as_bytes())).collect();
        join(split, limit, &parts).map(|json| String::from_utf8(json).unwrap())
    }

    #[test]
    fn lists_are_joined_as_they_were_written() {
        let parts = [(0, r#"[[0.10, 1e-7],"\u00e9"]"#), (2, "[]"), (2, "[{\"b\":1,\"a\":2}]")];
        let whole = joined(&Split::default(), None, &parts).unwrap();
        assert_eq!(whole, r#"[[0.10, 1e-7],"\u00e9",{"b":1,"a":2}]"#);
        assert_eq!(joined(&Split::default(), None, &[(0, "{}")]), None);
    }

    #[test]
    fn answers_are_numbered_by_the_texts_of_the_whole_request() {
        let split = Split {
            answers: "data".into(),
            index: Some("index".into()),
            sums: vec!["usage.total".into()],
            ..Split::default()
        };
        let parts = [
            (0, r#"{"object":"list","data":[{"index":0,"x":0.50}],"usage":{"total":3,"y":1}}"#),
            (1, r#"{"object":"list","data":[{"index":0,"x":1}],"usage":{"total":4,"y":1}}"#),
        ];
        let whole = r#"{"object":"list","data":[{"index":0,"x":0.50},{"index":1,"x":1}],"usage":{"total":7,"y":1}}"#;
        assert_eq!(joined(&split, None, &parts).as_deref(), Some(whole));
        let without = [(0, r#"{"data":[{"x":1}],"usage":{"total":3}}"#)];
        assert_eq!(joined(&split, None, &without), None, "no number");
        let without = [(0, r#"{"data":[]}"#)];
        assert_eq!(joined(&split, None, &without), None, "no count");
    }

    #[test]
    fn ranks_are_sorted_anew_and_only_the_best_are_kept() {
        let split = Split {
            index: Some("index".into()),
            sorted_by: Some("score".into()),
            ..Split::default()
        };
        let parts = [
            (0, r#"[{"index":1,"score":0.5},{"index":0,"score":0.25}]"#),
            (2, r#"[{"index":0,"score":0.75},{"index":1,"score":0.5}]"#),
        ];
        let indices = |limit| {
            let whole = joined(&split, limit, &parts).unwrap();
            let whole: Vec<serde_json::Value> = serde_json::from_str(&whole).unwrap();
            whole.iter().map(|rank| rank["index"].as_u64().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!((indices(None), indices(Some(2))), (vec![2, 1, 3, 0], vec![2, 1]));
    }
}
