//! A request taken apart.

use std::ops::Range;

use serde_json::value::{RawValue, to_raw_value};

use super::declaration::Split;
use super::object::RawObject;
use crate::json::without_bom;

/// What a text costs beside its bytes, in bytes: its special tokens and its place in the answer.
const TEXT: usize = 16;

/// A request's list of texts, and all that stands beside it.
pub struct List {
    request: RawObject,
    texts: Vec<Box<RawValue>>,
    limit: Option<usize>,
}

/// Some of the texts, as a request of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Which of the texts.
    pub texts: Range<usize>,
    /// JSON.
    pub body: Vec<u8>,
}

impl List {
    /// Reads a request that `split` is about; `None` if it is none with at least two texts in a list,
    /// which holds nothing but strings.
    pub fn read(split: &Split, body: &[u8]) -> Option<Self> {
        let request = RawObject::read(std::str::from_utf8(without_bom(body)).ok()?)?;
        let texts = request.get(&split.texts)?;
        let texts: Vec<Box<RawValue>> = serde_json::from_str(texts.get()).ok()?;
        if texts.len() < 2 || texts.iter().any(|text| !text.get().starts_with('"')) {
            return None;
        }
        let mut limit = None;
        for found in split.limits.iter().filter_map(|key| request.get(key)) {
            match found.get() {
                // No limit, wherever there are limits.
                "null" | "0" => {}
                number => limit = Some(number.parse().ok()?),
            }
        }
        Some(Self { request, texts, limit })
    }

    /// Number of texts.
    #[expect(clippy::len_without_is_empty, reason = "there are at least two")]
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Maximum number of answers that the request asks for.
    pub fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// At most `count` requests of about the same size, each with texts that stand beside each other.
    pub fn parts(mut self, split: &Split, count: usize) -> Option<Vec<Part>> {
        let sizes: Vec<usize> = self.texts.iter().map(|text| text.get().len() + TEXT).collect();
        let part = |texts: Range<usize>| {
            let list = to_raw_value(&self.texts[texts.clone()]).ok()?;
            self.request.replace(&split.texts, list)?;
            Some(Part { body: serde_json::to_vec(&self.request).ok()?, texts })
        };
        ranges(&sizes, count).into_iter().map(part).collect()
    }
}

/// Ranges of sizes that add up to about the same, at most `count` of them; none is empty.
fn ranges(sizes: &[usize], count: usize) -> Vec<Range<usize>> {
    let all: usize = sizes.iter().sum();
    let (mut ranges, mut start, mut sum) = (Vec::new(), 0, 0);
    for (at, size) in sizes.iter().enumerate() {
        // The part's end is where most of this text would be behind it.
        let end = all * (ranges.len() + 1) / count.max(1);
        if at > start && sum + size / 2 > end {
            ranges.push(start..at);
            start = at;
        }
        sum += size;
    }
    ranges.push(start..sizes.len());
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split() -> Split {
        let (path, texts) = ("/".to_owned(), "inputs.texts".to_owned());
        Split { path, texts, limits: vec!["top_n".into(), "top_k".into()], ..Split::default() }
    }

    fn parts(body: &str, count: usize) -> Option<Vec<(Range<usize>, String)>> {
        let list = List::read(&split(), body.as_bytes())?;
        let parts = list.parts(&split(), count)?;
        let text = |part: Part| (part.texts, String::from_utf8(part.body).unwrap());
        Some(parts.into_iter().map(text).collect())
    }

    #[test]
    fn what_stands_beside_the_texts_is_in_each_part_as_it_was_written() {
        let body = "\u{feff}{\"a\": 1.50, \"inputs\": {\"q\": \"\\u0041\", \"texts\": [ \"x\", \"\\u00e9\"]}, \"top_n\":1}";
        let expected = [
            (0..1, r#"{"a":1.50,"inputs":{"q":"\u0041","texts":["x"]},"top_n":1}"#.to_owned()),
            (1..2, r#"{"a":1.50,"inputs":{"q":"\u0041","texts":["\u00e9"]},"top_n":1}"#.to_owned()),
        ];
        assert_eq!(parts(body, 2).unwrap(), expected);
        let limit = |body: &str| List::read(&split(), body.as_bytes()).unwrap().limit();
        assert_eq!(limit(body), Some(1));
        assert_eq!(limit(r#"{"inputs":{"texts":["a","b"]},"top_n":null,"top_k":0}"#), None);
    }

    #[test]
    fn what_is_no_list_of_texts_is_not_taken_apart() {
        for body in [
            "",
            "[]",
            "{",
            r#"{"inputs": "a"}"#,
            r#"{"inputs": {"texts": "a"}}"#,
            r#"{"inputs": {"texts": []}}"#,
            r#"{"inputs": {"texts": ["a"]}}"#,
            r#"{"inputs": {"texts": [1, 2]}}"#,
            r#"{"inputs": {"texts": ["a", 2]}}"#,
            r#"{"inputs": {"texts": [["a"], ["b"]]}}"#,
            r#"{"inputs": {"texts": ["a", "b"], "texts": ["c", "d"]}}"#,
            r#"{"inputs": {"texts": ["a", "b"]}, "inputs": 1}"#,
            r#"{"inputs": {"texts": ["a", "b"]}, "top_n": -1}"#,
            r#"{"inputs": {"texts": ["a", "b"]}, "top_n": "1"}"#,
        ] {
            assert_eq!(parts(body, 2), None, "{body}");
        }
        assert!(List::read(&split(), b"{\"inputs\": {\"texts\": [\"\xff\", \"\"]}}").is_none());
    }

    proptest::proptest! {
        #[test]
        fn parts_hold_all_texts_once_and_are_about_equal(
            sizes in proptest::collection::vec(1_usize..100, 1..60),
            count in 0_usize..9,
        ) {
            let ranges = ranges(&sizes, count);
            assert!(ranges.len() <= count.max(1));
            assert!(ranges.iter().all(|range| !range.is_empty()));
            let joined: Vec<usize> = ranges.iter().cloned().flatten().collect();
            assert_eq!(joined, Vec::from_iter(0..sizes.len()));
            let largest = sizes.iter().max().unwrap();
            let share = sizes.iter().sum::<usize>() / count.max(1);
            for range in ranges {
                assert!(sizes[range].iter().sum::<usize>() <= share + largest + 1);
            }
        }
    }
}
