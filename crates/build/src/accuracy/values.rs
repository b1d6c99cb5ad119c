//! What is compared in an answer.

use serde_json::Value;

const EACH: &str = "*";

/// A path into an answer: a JSON pointer (RFC 6901) in which `*` stands for each element of a list,
/// and for each field of an object.
#[derive(Debug)]
pub(crate) struct Values(Vec<String>);

/// A value that a path leads to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Selected<'a> {
    pub(super) value: &'a Value,
    /// What has it as a field or an element.
    pub(super) parent: Option<&'a Value>,
}

impl Values {
    /// Reads a path.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(path: &str) -> Result<Self, String> {
        let unescaped = |step: &str| step.replace("~1", "/").replace("~0", "~");
        match path.strip_prefix('/') {
            None if path.is_empty() => Ok(Self(Vec::new())),
            None => Err(format!("{path:?} is not a path into an answer: it has to begin with /")),
            Some(steps) => Ok(Self(steps.split('/').map(unescaped).collect())),
        }
    }

    /// What the path leads to in `answer`, in its order.
    ///
    /// # Errors
    /// The place that `answer` does not have.
    pub(super) fn select<'a>(&self, answer: &'a Value) -> Result<Vec<Selected<'a>>, String> {
        let mut walk = Walk { at: String::new(), found: Vec::new() };
        match walk.follow(&self.0, Selected { value: answer, parent: None }) {
            Ok(()) => Ok(walk.found),
            Err(NotThere) => Err(format!("the answer has no {:?}", walk.at)),
        }
    }
}

struct NotThere;

struct Walk<'a> {
    /// Where it is; where it was when there was nothing.
    at: String,
    found: Vec<Selected<'a>>,
}

impl<'a> Walk<'a> {
    fn follow(&mut self, steps: &[String], from: Selected<'a>) -> Result<(), NotThere> {
        let Some((step, rest)) = steps.split_first() else {
            self.found.push(from);
            return Ok(());
        };
        let (here, parent) = (self.at.len(), Some(from.value));
        let go = |walk: &mut Self, step: &str, value: Option<&'a Value>| -> Result<(), NotThere> {
            walk.at.truncate(here);
            walk.at.push('/');
            walk.at.push_str(step);
            let value = value.ok_or(NotThere)?;
            walk.follow(rest, Selected { value, parent })
        };
        match (step.as_str(), from.value) {
            (EACH, Value::Array(elements)) => {
                let mut elements = elements.iter().enumerate();
                elements.try_for_each(|(index, value)| go(self, &index.to_string(), Some(value)))
            }
            (EACH, Value::Object(fields)) => {
                fields.iter().try_for_each(|(name, value)| go(self, name, Some(value)))
            }
            (index, Value::Array(elements)) => {
                let value = index.parse().ok().and_then(|index: usize| elements.get(index));
                go(self, index, value)
            }
            (name, Value::Object(fields)) => go(self, name, fields.get(name)),
            (step, _) => go(self, step, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn select(path: &str, answer: &Value) -> Result<Vec<Value>, String> {
        let values = Values::parse(path)?;
        let found = values.select(answer)?;
        Ok(found.into_iter().map(|selected| selected.value.clone()).collect())
    }

    #[test]
    fn a_path_leads_to_the_same_place_of_each_element() {
        let answer = json!([{ "a": 1, "b/c": [2, 3] }, { "a": 4, "b/c": [5] }]);
        for (path, expected) in [
            ("/*/a", vec![json!(1), json!(4)]),
            ("/1/a", vec![json!(4)]),
            ("/*/b~1c/*", vec![json!(2), json!(3), json!(5)]),
            ("/1/*", vec![json!(4), json!([5])]),
            ("", vec![answer.clone()]),
        ] {
            assert_eq!(select(path, &answer), Ok(expected), "{path}");
        }
        assert_eq!(select("/*", &json!([])), Ok(vec![]));
    }

    #[test]
    fn a_place_that_is_not_there_is_named() {
        let answer = json!([{ "a": 1 }, { "b": 2 }]);
        for (path, place) in [
            ("/*/a", "/1/a"),
            ("/2", "/2"),
            ("/x", "/x"),
            ("/0/a/*", "/0/a/*"),
            ("/0/a/b", "/0/a/b"),
        ] {
            let told = format!("the answer has no {place:?}");
            assert_eq!(select(path, &answer), Err(told), "{path}");
        }
        assert!(select("a", &answer).unwrap_err().contains("has to begin with /"));
    }

    proptest! {
        #[test]
        fn any_path_is_read_and_followed(path in "[/*~01ab]{0,8}") {
            let answer = json!({ "a": [0, { "b": [1] }], "~": { "/": 2 } });
            let _ = select(&path, &answer);
        }
    }
}
