//! JSON objects that are read key by key, without a copy of the tensors in them.

use std::fmt::Display;

use serde::de;

use crate::api::ApiError;

/// A struct of optional keys that is read from a JSON object. Unknown keys are ignored, null is like a key
/// that is not there, and an error names the key.
macro_rules! object {
    ($($(#[$meta:meta])* $visibility:vis struct $name:ident {
        $($(#[$key_meta:meta])* $key:ident: $type:ty,)*
    })*) => {$(
        #[derive(Debug, Default)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        $(#[$meta])*
        $visibility struct $name {
            $($(#[$key_meta])* $key: Option<$type>,)*
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                struct Keys;
                impl<'de> ::serde::de::Visitor<'de> for Keys {
                    type Value = $name;

                    fn expecting(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: ::serde::de::MapAccess<'de>>(
                        self,
                        mut map: A,
                    ) -> Result<$name, A::Error> {
                        let mut read = $name::default();
                        while let Some(key) = map.next_key::<String>()? {
                            match &key[..] {
                                $(stringify!($key) => {
                                    read.$key =
                                        $crate::dialects::open_inference::keys::named(&key, map.next_value())?;
                                })*
                                _ => {
                                    map.next_value::<::serde::de::IgnoredAny>()?;
                                }
                            }
                        }
                        Ok(read)
                    }
                }
                from.deserialize_map(Keys)
            }
        }
    )*};
}
pub(super) use object;

/// A value, or an error that names its key.
pub(super) fn named<T, E: de::Error>(key: &str, value: Result<T, E>) -> Result<T, E> {
    value.map_err(|error| E::custom(Named(key, error)))
}

struct Named<'a, E>(&'a str, E);

impl<E: Display> Display for Named<'_, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.0, self.1)
    }
}

/// The value of a key that has to be there.
///
/// # Errors
/// [`ApiError::Invalid`] with the name of the key.
pub(super) fn required<T>(key: &str, value: Option<T>) -> Result<T, ApiError> {
    value.ok_or_else(|| ApiError::Invalid(format!("{key} is missing")))
}
