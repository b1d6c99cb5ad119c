use std::fmt;

use serde_json::{Map, Number, Value};

/// Longest pointer that is told.
const LONGEST_POINTER: usize = 200;

/// Whether two answers say the same.
#[derive(Debug, Clone, PartialEq)]
pub enum Comparison {
    /// The answers are equal.
    Same,
    /// The answers differ; the first difference.
    Different(Difference),
}

/// First difference of two answers. It contains no texts of the answers, because they are users'
/// data.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Difference {
    /// The JSON pointer of what differs, cut if it is long.
    pub pointer: String,
    /// Kind of the difference.
    pub kind: DifferenceKind,
}

/// Kind of a difference between the expected and the found answer.
#[derive(Debug, Clone, PartialEq)]
pub enum DifferenceKind {
    /// Numbers: integers that are not equal, or others further apart than the tolerance.
    Number {
        /// The expected one.
        expected: Number,
        /// The found one.
        found: Number,
    },
    /// Strings.
    Text,
    /// Booleans.
    Boolean,
    /// A list is longer or shorter.
    Length {
        /// Expected elements.
        expected: usize,
        /// Found elements.
        found: usize,
    },
    /// An expected field is not there.
    Missing,
    /// There is a field that was not expected.
    Unexpected,
    /// Values of different types.
    Type {
        /// The expected type.
        expected: &'static str,
        /// The found type.
        found: &'static str,
    },
    /// Bodies of which at least one is no JSON, and which are not equal.
    Bytes,
}

/// Compares two answers. In JSON, structure, strings, booleans and integers must be equal, and
/// numbers of which one is no integer at most `tolerance` apart, or that share of the larger one
/// where it is above 1; the order of fields does not count. Bodies that are no JSON must be equal byte by byte.
#[must_use]
pub fn compare(expected: &[u8], found: &[u8], tolerance: f64) -> Comparison {
    if expected == found {
        return Comparison::Same;
    }
    let (Ok(one), Ok(two)) = (serde_json::from_slice(expected), serde_json::from_slice(found))
    else {
        return different(String::new(), DifferenceKind::Bytes);
    };
    let mut walk = Walk { tolerance, pointer: String::new() };
    match walk.value(&one, &two) {
        Ok(()) => Comparison::Same,
        Err(kind) => different(walk.pointer, kind),
    }
}

fn different(mut pointer: String, kind: DifferenceKind) -> Comparison {
    if let Some((end, _)) = pointer.char_indices().nth(LONGEST_POINTER) {
        pointer.truncate(end);
        pointer.push('…');
    }
    Comparison::Different(Difference { pointer, kind })
}

struct Walk {
    tolerance: f64,
    /// Where it is; where it was when a difference was found.
    pointer: String,
}

impl Walk {
    fn value(&mut self, expected: &Value, found: &Value) -> Result<(), DifferenceKind> {
        match (expected, found) {
            (Value::Null, Value::Null) => Ok(()),
            (Value::Bool(one), Value::Bool(two)) => equal(one == two, DifferenceKind::Boolean),
            (Value::String(one), Value::String(two)) => equal(one == two, DifferenceKind::Text),
            (Value::Number(one), Value::Number(two)) => self.number(one, two),
            (Value::Array(one), Value::Array(two)) => self.list(one, two),
            (Value::Object(one), Value::Object(two)) => self.object(one, two),
            _ => {
                let (expected, found) = (type_name(expected), type_name(found));
                Err(DifferenceKind::Type { expected, found })
            }
        }
    }

    fn number(&self, expected: &Number, found: &Number) -> Result<(), DifferenceKind> {
        let near = match (expected.as_f64(), found.as_f64()) {
            (Some(one), Some(two)) if expected.is_f64() || found.is_f64() => {
                (one - two).abs() <= self.tolerance * one.abs().max(two.abs()).max(1.0)
            }
            _ => false,
        };
        let (one, two) = (expected.clone(), found.clone());
        equal(near || one == two, DifferenceKind::Number { expected: one, found: two })
    }

    fn list(&mut self, expected: &[Value], found: &[Value]) -> Result<(), DifferenceKind> {
        let (one, two) = (expected.len(), found.len());
        equal(one == two, DifferenceKind::Length { expected: one, found: two })?;
        for (index, (one, two)) in expected.iter().zip(found).enumerate() {
            self.inside(&index.to_string(), |walk| walk.value(one, two))?;
        }
        Ok(())
    }

    fn object(
        &mut self,
        expected: &Map<String, Value>,
        found: &Map<String, Value>,
    ) -> Result<(), DifferenceKind> {
        for (name, one) in expected {
            let step = name.replace('~', "~0").replace('/', "~1");
            self.inside(&step, |walk| match found.get(name) {
                Some(two) => walk.value(one, two),
                None => Err(DifferenceKind::Missing),
            })?;
        }
        let extra = found.keys().any(|name| !expected.contains_key(name));
        equal(!extra, DifferenceKind::Unexpected)
    }

    /// Goes a step down, and up again unless there is a difference.
    fn inside(
        &mut self,
        step: &str,
        walk: impl FnOnce(&mut Self) -> Result<(), DifferenceKind>,
    ) -> Result<(), DifferenceKind> {
        let here = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(step);
        walk(self)?;
        self.pointer.truncate(here);
        Ok(())
    }
}

fn equal(equal: bool, otherwise: DifferenceKind) -> Result<(), DifferenceKind> {
    if equal { Ok(()) } else { Err(otherwise) }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.pointer, self.kind)
    }
}

impl fmt::Display for DifferenceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { expected, found } => write!(f, "{found} instead of {expected}"),
            Self::Text => f.write_str("different text"),
            Self::Boolean => f.write_str("different boolean"),
            Self::Length { expected, found } => {
                write!(f, "{found} elements instead of {expected}")
            }
            Self::Missing => f.write_str("missing"),
            Self::Unexpected => f.write_str("has an unexpected field"),
            Self::Type { expected, found } => write!(f, "{found} instead of {expected}"),
            Self::Bytes => f.write_str("different content that is not JSON"),
        }
    }
}
