//! `to = "name"`, `to = { … }` or `to = [ … ]`, read without losing where an error is.

use std::fmt;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{WeightedTarget, one};
use crate::target::Target;

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Vec<WeightedTarget>, D::Error> {
    from.deserialize_any(OneOrMore)
}

pub(super) fn schema(generator: &mut SchemaGenerator) -> Schema {
    let target = generator.subschema_for::<Target>();
    let weighted = generator.subschema_for::<WeightedTarget>();
    json_schema!({
        "anyOf": [
            target,
            weighted,
            { "type": "array", "items": { "anyOf": [target, weighted] }, "minItems": 1 },
        ],
    })
}

/// One entry of the list: a target, or a target and its weight.
struct Either(WeightedTarget);

impl<'de> Deserialize<'de> for Either {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(One).map(Self)
    }
}

struct One;

impl<'de> Visitor<'de> for One {
    type Value = WeightedTarget;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a target or `{ target = …, weight = … }`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<WeightedTarget, E> {
        let target = text.parse().map_err(E::custom)?;
        Ok(WeightedTarget { target, weight: one() })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<WeightedTarget, A::Error> {
        WeightedTarget::deserialize(MapAccessDeserializer::new(map))
    }
}

struct OneOrMore;

impl<'de> Visitor<'de> for OneOrMore {
    type Value = Vec<WeightedTarget>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a target, `{ target = …, weight = … }`, or a list of these")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<WeightedTarget>, E> {
        One.visit_str(text).map(|weighted| vec![weighted])
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Vec<WeightedTarget>, A::Error> {
        One.visit_map(map).map(|weighted| vec![weighted])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<WeightedTarget>, A::Error> {
        let mut targets = Vec::new();
        while let Some(Either(weighted)) = list.next_element()? {
            targets.push(weighted);
        }
        Ok(targets)
    }
}
