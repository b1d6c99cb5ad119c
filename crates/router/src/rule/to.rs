//! `to = "name"`, `to = { … }` or `to = [ … ]`, read without losing where an error is.

use std::fmt;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Arm, one};
use crate::target::Target;

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Arm>, D::Error> {
    from.deserialize_any(OneOrMore)
}

pub(super) fn schema(generator: &mut SchemaGenerator) -> Schema {
    let target = generator.subschema_for::<Target>();
    let arm = generator.subschema_for::<Arm>();
    json_schema!({
        "anyOf": [
            target,
            arm,
            { "type": "array", "items": { "anyOf": [target, arm] }, "minItems": 1 },
        ],
    })
}

/// What stands for one arm: a target, or a target and its weight.
struct Either(Arm);

impl<'de> Deserialize<'de> for Either {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(One).map(Self)
    }
}

struct One;

impl<'de> Visitor<'de> for One {
    type Value = Arm;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a target or `{ target = …, weight = … }`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Arm, E> {
        let target = text.parse().map_err(E::custom)?;
        Ok(Arm { target, weight: one() })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Arm, A::Error> {
        Arm::deserialize(MapAccessDeserializer::new(map))
    }
}

struct OneOrMore;

impl<'de> Visitor<'de> for OneOrMore {
    type Value = Vec<Arm>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a target, `{ target = …, weight = … }`, or a list of these")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<Arm>, E> {
        One.visit_str(text).map(|arm| vec![arm])
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Vec<Arm>, A::Error> {
        One.visit_map(map).map(|arm| vec![arm])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Arm>, A::Error> {
        let mut arms = Vec::new();
        while let Some(Either(arm)) = list.next_element()? {
            arms.push(arm);
        }
        Ok(arms)
    }
}
