//! Objects of JSON whose values stay as they were written.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::value::{RawValue, to_raw_value};

/// Keys and values in the order in which they were written. No key is there twice: what that means is
/// for the function to say.
pub(super) struct RawObject(Vec<(String, Box<RawValue>)>);

impl RawObject {
    /// Reads an object; `None` for anything else.
    pub(super) fn read(json: &str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    /// The value at a path of keys with dots between them.
    pub(super) fn get(&self, path: &str) -> Option<Box<RawValue>> {
        match path.split_once('.') {
            None => self.0.iter().find(|(key, _)| key == path).map(|(_, value)| value.clone()),
            Some((key, rest)) => Self::read(self.get(key)?.get())?.get(rest),
        }
    }

    /// Replaces the value at a path; `None` if nothing is there.
    pub(super) fn replace(&mut self, path: &str, value: Box<RawValue>) -> Option<()> {
        let (key, rest) = path.split_once('.').unwrap_or((path, ""));
        let (_, place) = self.0.iter_mut().find(|(known, _)| known == key)?;
        *place = match rest {
            "" => value,
            rest => {
                let mut inner = Self::read(place.get())?;
                inner.replace(rest, value)?;
                to_raw_value(&inner).ok()?
            }
        };
        Some(())
    }
}

impl Serialize for RawObject {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for RawObject {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = RawObject;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawObject, A::Error> {
                let mut entries: Vec<(String, Box<RawValue>)> = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, _>()? {
                    if entries.iter().any(|(known, _)| *known == key) {
                        return Err(A::Error::custom("a key is duplicated"));
                    }
                    entries.push((key, value));
                }
                Ok(RawObject(entries))
            }
        }
        from.deserialize_map(Entries)
    }
}
