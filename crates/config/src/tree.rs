//! TOML as a tree whose every value knows where it came from.

use std::collections::BTreeMap;

use toml::de::{DeInteger, DeTable, DeValue};

use crate::diagnostic::{Fault, Kind};
use crate::key::{Key, Part};
use crate::location::Origin;

/// A value and its origin.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) origin: Origin,
    pub(crate) value: Value,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    Table(Table),
    Array(Vec<Node>),
    String(String),
    Integer(i128),
    Float(f64),
    Boolean(bool),
    Date(String),
}

pub(crate) type Table = BTreeMap<String, Entry>;

/// A value of a table, and where its key stands.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: Origin,
    pub(crate) node: Node,
}

/// Reads a text as far as it is TOML.
pub(crate) fn read(text: &str) -> (Node, Vec<Fault>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let fault = |error: &toml::de::Error| Fault {
        kind: Kind::Syntax,
        origin: Origin::Text(error.span().map_or(0, |span| span.start)),
        key: Key::default(),
        message: error.message().to_owned(),
    };
    let origin = &|offset| Origin::Text(offset);
    let value = Value::Table(read_table(table.get_ref(), origin));
    (Node { origin: Origin::Text(0), value }, errors.iter().map(fault).collect())
}

/// Reads one value that was given outside of the file; `None` if it is no TOML.
pub(crate) fn read_value(text: &str, origin: &Origin) -> Option<Node> {
    let value = DeValue::parse(text).ok()?;
    Some(Node { origin: origin.clone(), value: read_part(value.get_ref(), &|_| origin.clone()) })
}

fn read_table(table: &DeTable<'_>, origin: &dyn Fn(usize) -> Origin) -> Table {
    let entry = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
        let node =
            Node { origin: origin(value.span().start), value: read_part(value.get_ref(), origin) };
        let name: &std::borrow::Cow<'_, str> = key.get_ref();
        (name.to_string(), Entry { key: origin(key.span().start), node })
    };
    table.iter().map(entry).collect()
}

fn read_part(value: &DeValue<'_>, origin: &dyn Fn(usize) -> Origin) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => Value::Integer(integer(number)),
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(yes) => Value::Boolean(*yes),
        DeValue::Datetime(date) => Value::Date(date.to_string()),
        DeValue::Array(array) => Value::Array(
            array
                .iter()
                .map(|item| Node {
                    origin: origin(item.span().start),
                    value: read_part(item.get_ref(), origin),
                })
                .collect(),
        ),
        DeValue::Table(table) => Value::Table(read_table(table, origin)),
    }
}

/// One that does not fit is as large as can be, and refused for that.
fn integer(number: &DeInteger<'_>) -> i128 {
    let limit = if number.as_str().starts_with('-') { i128::MIN } else { i128::MAX };
    i128::from_str_radix(number.as_str(), number.radix()).unwrap_or(limit)
}

impl Node {
    pub(crate) fn table(origin: Origin) -> Self {
        Self { origin, value: Value::Table(Table::new()) }
    }

    pub(crate) fn as_table(&self) -> Option<&Table> {
        if let Value::Table(table) = &self.value { Some(table) } else { None }
    }

    pub(crate) fn as_table_mut(&mut self) -> Option<&mut Table> {
        if let Value::Table(table) = &mut self.value { Some(table) } else { None }
    }

    pub(crate) fn as_array(&self) -> Option<&[Self]> {
        if let Value::Array(items) = &self.value { Some(items) } else { None }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        if let Value::String(text) = &self.value { Some(text) } else { None }
    }

    /// The value of this name, if this is a table that has it.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.as_table()?.get(name).map(|entry| &entry.node)
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Self> {
        self.as_table_mut()?.get_mut(name).map(|entry| &mut entry.node)
    }

    pub(crate) fn at_mut(&mut self, parts: &[Part]) -> Option<&mut Self> {
        parts.iter().try_fold(self, |node, part| match (part, &mut node.value) {
            (Part::Name(name), Value::Table(table)) => {
                table.get_mut(name).map(|entry| &mut entry.node)
            }
            (Part::Index(index), Value::Array(items)) => items.get_mut(*index),
            _ => None,
        })
    }

    /// Where the value of `key` came from, or the last on the way to it.
    pub(crate) fn nearest(&self, key: &Key) -> &Origin {
        let (mut node, mut origin) = (self, &self.origin);
        for part in key.parts() {
            let next = match (part, &node.value) {
                (Part::Name(name), Value::Table(table)) => {
                    table.get(name).map(|entry| (&entry.node, &entry.node.origin))
                }
                (Part::Index(index), Value::Array(items)) => {
                    items.get(*index).map(|item| (item, &item.origin))
                }
                _ => None,
            };
            let Some(found) = next else { break };
            (node, origin) = found;
        }
        origin
    }
}
