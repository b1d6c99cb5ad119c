//! Deserializes a tree; an error names the value that it is about.

use serde::de::DeserializeOwned;
use serde_json::{Map, Number};
use serde_path_to_error::{Path, Segment};

use crate::diagnostic::{Fault, Kind};
use crate::key::{Key, Part};
use crate::tree::{Node, Value};

/// Makes a `T` of a tree.
pub(crate) fn from_tree<T: DeserializeOwned>(tree: &Node) -> Result<T, Fault> {
    serde_path_to_error::deserialize(to_json(tree)).map_err(|error| {
        let key = to_key(error.path());
        let origin = tree.nearest(&key).clone();
        Fault { kind: Kind::Bad, origin, key, message: error.inner().to_string() }
    })
}

fn to_key(path: &Path) -> Key {
    let part = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(Part::Index(*index)),
        Segment::Map { key } => Some(Part::Name(key.clone())),
        Segment::Enum { variant } => Some(Part::Name(variant.clone())),
        Segment::Unknown => None,
    };
    Key::new(path.iter().map_while(part).collect())
}

fn to_json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::String(text) | Value::Date(text) => text.as_str().into(),
        Value::Boolean(value) => (*value).into(),
        Value::Float(number) => (*number).into(),
        Value::Integer(number) => match Number::from_i128(*number) {
            Some(number) => number.into(),
            None => (*number as f64).into(),
        },
        Value::Array(items) => items.iter().map(to_json).collect(),
        Value::Table(table) => {
            let entries = table.iter().map(|(name, entry)| (name.clone(), to_json(&entry.node)));
            entries.collect::<Map<_, _>>().into()
        }
    }
}
