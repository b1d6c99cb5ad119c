//! JSON objects of servers that ignore keys they do not know. A value of null counts as absent, and an
//! error names the key.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::mem::take;
use std::slice;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error, IntoDeserializer as _, MapAccess,
    Visitor,
};
use serde::{Deserialize as _, forward_to_deserialize_any};
use serde_json::{Map, Value};

use crate::api::ApiError;

/// A JSON object.
pub(super) type Object = Map<String, Value>;

/// Takes the keys that `T`, a struct, has out of an object; whatever else it holds is left there.
///
/// # Errors
/// [`ApiError::InvalidKey`].
pub(super) fn read<T: DeserializeOwned>(object: &mut Object) -> Result<T, ApiError> {
    T::deserialize(Lenient(object)).map_err(|Unread(error)| error)
}

/// Takes the value of a required key out of an object.
///
/// # Errors
/// [`ApiError::InvalidKey`].
pub(super) fn required<T: DeserializeOwned>(
    object: &mut Object,
    key: &'static str,
) -> Result<T, ApiError> {
    let value = object.remove(key).filter(|value| !value.is_null());
    let value = value.ok_or_else(|| missing(key))?;
    T::deserialize(value).map_err(|error| invalid(key, error))
}

/// A whole number, which some clients write as `5.0`, for `#[serde(deserialize_with = …)]`.
///
/// # Errors
/// Those of the value.
pub(super) fn whole<'de, D: Deserializer<'de>>(from: D) -> Result<Option<usize>, D::Error> {
    let number = f64::deserialize(from)?;
    // Far above any limit, and a whole number of 32 bits.
    let fits = (0.0..=f64::from(u32::MAX)).contains(&number) && number.fract() == 0.0;
    match fits {
        true => Ok(Some(number as usize)),
        false => Err(D::Error::custom(format!("{number} is not a whole number from 0 on"))),
    }
}

/// The same, at least 1.
///
/// # Errors
/// Those of the value.
pub(super) fn positive<'de, D: Deserializer<'de>>(from: D) -> Result<Option<usize>, D::Error> {
    match whole(from)? {
        Some(0) => Err(D::Error::custom("0 is less than 1")),
        number => Ok(number),
    }
}

/// A list of JSON objects, for `#[serde(deserialize_with = …)]`: what serde derives also takes lists for
/// structs.
///
/// # Errors
/// Those of the values.
pub(super) fn objects<'de, D, T>(from: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let objects = Vec::<pilotlight_wire::Object<T>>::deserialize(from)?;
    Ok(objects.into_iter().map(|pilotlight_wire::Object(object)| object).collect())
}

/// The same, or null.
///
/// # Errors
/// Those of the values.
pub(super) fn optional_objects<'de, D, T>(from: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let objects = Option::<Vec<pilotlight_wire::Object<T>>>::deserialize(from)?;
    let objects = objects.map(|objects| objects.into_iter());
    Ok(objects.map(|objects| objects.map(|pilotlight_wire::Object(object)| object).collect()))
}

/// JSON objects by names.
///
/// # Errors
/// Those of the values.
pub(super) fn named_objects<'de, D, T>(from: D) -> Result<BTreeMap<String, T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let objects = BTreeMap::<String, pilotlight_wire::Object<T>>::deserialize(from)?;
    Ok(objects.into_iter().map(|(name, pilotlight_wire::Object(object))| (name, object)).collect())
}

/// One JSON object, or null.
///
/// # Errors
/// Those of the value.
pub(super) fn optional_object<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let object = Option::<pilotlight_wire::Object<T>>::deserialize(from)?;
    Ok(object.map(|pilotlight_wire::Object(object)| object))
}

fn invalid(key: &'static str, error: impl Display) -> ApiError {
    ApiError::of_key(key, format!("{key}: {error}"))
}

fn missing(key: &'static str) -> ApiError {
    let message = format!("missing field `{key}`");
    ApiError::InvalidKey { name: key, is_missing: true, message }
}

/// Why an object was not read. Unlike that of serde_json, it knows the key.
#[derive(Debug)]
struct Unread(ApiError);

impl Error for Unread {
    fn custom<T: Display>(message: T) -> Self {
        Self(ApiError::Invalid(message.to_string()))
    }

    fn missing_field(field: &'static str) -> Self {
        Self(missing(field))
    }
}

impl Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Unread {}

struct Lenient<'a>(&'a mut Object);

impl<'de> Deserializer<'de> for Lenient<'_> {
    type Error = Unread;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        Value::Object(take(self.0)).deserialize_any(visitor).map_err(Unread::custom)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unread> {
        visitor.visit_map(Fields { fields: fields.iter(), object: self.0, next: None })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// The values that an object has for `fields`.
struct Fields<'a> {
    fields: slice::Iter<'static, &'static str>,
    object: &'a mut Object,
    next: Option<(&'static str, Value)>,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Unread;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Unread> {
        let object = &mut *self.object;
        self.next = self.fields.find_map(|field| {
            let value = object.remove(*field).filter(|value| !value.is_null());
            Some((*field, value?))
        });
        let Some((key, _)) = &self.next else { return Ok(None) };
        let key: StrDeserializer<'_, Unread> = key.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Unread> {
        let Some((key, value)) = self.next.take() else {
            return Err(Unread::custom("a value without a key"));
        };
        seed.deserialize(value).map_err(|error| Unread(invalid(key, error)))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields, default)]
    struct Sent {
        text: String,
        #[serde(deserialize_with = "whole", alias = "number")]
        count: Option<usize>,
    }

    fn sent(value: Value) -> Result<Sent, String> {
        let Value::Object(mut object) = value else { return Err("no object".to_owned()) };
        read(&mut object).map_err(|error| error.to_string())
    }

    #[test]
    fn unknown_keys_are_ignored_and_null_is_no_value() {
        let expected = Sent { text: "a".to_owned(), count: None };
        assert_eq!(sent(json!({"text": "a", "count": null, "other": [1]})), Ok(expected));
        let expected = Sent { text: String::new(), count: Some(5) };
        assert_eq!(sent(json!({"text": null, "number": 5.0})), Ok(expected));
    }

    #[test]
    fn an_error_names_the_key() {
        for (value, expected) in [
            (json!({"text": 1}), "text: invalid type: integer `1`, expected a string"),
            (json!({"count": 1.5}), "count: 1.5 is not a whole number from 0 on"),
            (json!({"number": -1}), "number: -1 is not a whole number from 0 on"),
            (json!({"count": true}), "count: invalid type: boolean `true`, expected f64"),
        ] {
            assert_eq!(sent(value), Err(expected.to_owned()));
        }
    }
}
