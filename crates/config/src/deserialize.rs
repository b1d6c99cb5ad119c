//! Gives a tree to serde; an error knows the value that it is about.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{self, Deserialize, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use crate::key::Key;
use crate::mistake::{Fault, Kind};
use crate::place::Origin;
use crate::tree::{Node, Value};

/// Makes a `T` of a tree.
pub(crate) fn from_tree<'a, T: Deserialize<'a>>(tree: &'a Node) -> Result<T, Fault> {
    T::deserialize(Located { node: tree, key: Key::default() }).map_err(|refused| {
        let (key, origin) = refused.at.unwrap_or_else(|| (Key::default(), tree.origin.clone()));
        Fault { kind: Kind::Bad, origin, key, message: refused.message }
    })
}

struct Located<'de> {
    node: &'de Node,
    key: Key,
}

#[derive(Debug)]
struct Refused {
    message: String,
    at: Option<(Key, Origin)>,
}

impl Refused {
    /// The innermost value is the one that is to blame.
    fn at(mut self, key: &Key, node: &Node) -> Self {
        self.at.get_or_insert_with(|| (key.clone(), node.origin.clone()));
        self
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refused {}

impl de::Error for Refused {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { message: message.to_string(), at: None }
    }
}

impl<'de> IntoDeserializer<'de, Refused> for Located<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Located<'de> {
    fn give<V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Refused> {
        match &self.node.value {
            Value::String(text) | Value::Date(text) => visitor.visit_borrowed_str(text),
            Value::Boolean(yes) => visitor.visit_bool(*yes),
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Integer(number) => match (i64::try_from(*number), u64::try_from(*number)) {
                (Ok(number), _) => visitor.visit_i64(number),
                (_, Ok(number)) => visitor.visit_u64(number),
                _ => visitor.visit_f64(*number as f64),
            },
            Value::Array(items) => {
                let item = |(index, node)| Located { node, key: self.key.index(index) };
                let mut items = SeqDeserializer::new(items.iter().enumerate().map(item));
                let value = visitor.visit_seq(&mut items)?;
                items.end().map(|()| value)
            }
            Value::Table(_) => visitor.visit_map(self.entries()),
        }
    }

    fn entries(
        &self,
    ) -> MapDeserializer<'de, impl Iterator<Item = (&'de str, Located<'de>)> + use<'de>, Refused>
    {
        let key = self.key.clone();
        let entries = self.node.as_table().into_iter().flatten();
        MapDeserializer::new(entries.map(move |(name, entry)| {
            (name.as_str(), Located { node: &entry.node, key: key.name(name) })
        }))
    }
}

impl<'de> de::Deserializer<'de> for Located<'de> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.give(visitor).map_err(|refused| refused.at(&self.key, self.node))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        let value = match &self.node.value {
            Value::String(text) => visitor.visit_enum(text.as_str().into_deserializer()),
            Value::Table(_) => visitor.visit_enum(MapAccessDeserializer::new(self.entries())),
            _ => Err(de::Error::custom("must be a string or a table")),
        };
        value.map_err(|refused: Refused| refused.at(&self.key, self.node))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
