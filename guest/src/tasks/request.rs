//! What requests of all tasks share: `{"inputs", "parameters", "options"}`, as Hugging Face's inference
//! API has them.

use pilotlight_wire::{Object, null_is_default};
use serde::de::{self, DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::api::ApiError;

/// A request. Unknown keys are refused.
#[derive(Debug, Deserialize)]
#[serde(
    deny_unknown_fields,
    bound(deserialize = "I: Deserialize<'de>, P: Deserialize<'de> + Default")
)]
pub struct Request<I, P> {
    /// What to compute.
    pub inputs: I,
    /// How; null is the default, as for each optional key.
    #[serde(default = "P::default", deserialize_with = "parameters")]
    pub parameters: P,
    /// `wait_for_model` and the like, which clients of hosted inference send; of no effect.
    #[serde(default)]
    #[allow(dead_code, reason = "accepted and ignored")]
    options: Option<IgnoredAny>,
}

impl<I, P> Request<I, P> {
    /// A request that another dialect made.
    pub fn new(inputs: I, parameters: P) -> Self {
        Self { inputs, parameters, options: None }
    }
}

fn parameters<'de, D, P>(from: D) -> Result<P, D::Error>
where
    D: Deserializer<'de>,
    P: Deserialize<'de> + Default,
{
    null_is_default(from).map(|Object(parameters)| parameters)
}

/// One input, answered by one answer, or many, answered by a list of them.
#[derive(Debug, PartialEq, Eq)]
pub enum OneOrMany<T> {
    /// `"…"`
    One(T),
    /// `["…", …]`
    Many(Vec<T>),
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let read = |value| serde_json::from_value(value).map_err(de::Error::custom);
        match Value::deserialize(from)? {
            Value::Array(values) => {
                values.into_iter().map(read).collect::<Result<_, _>>().map(Self::Many)
            }
            value => read(value).map(Self::One),
        }
    }
}

impl<T> OneOrMany<T> {
    /// All inputs, of which there have to be one to `limit`.
    ///
    /// # Errors
    /// See [`check_count`].
    pub fn items(&self, limit: usize) -> Result<&[T], ApiError> {
        let items = match self {
            Self::One(item) => std::slice::from_ref(item),
            Self::Many(items) => items,
        };
        check_count("inputs", items.len(), limit).map(|()| items)
    }

    /// The answers to [`Self::items`] in the form of the request.
    pub fn answer<A>(&self, mut answers: Vec<A>) -> Answer<A> {
        match self {
            Self::One(_) if answers.len() == 1 => Answer::One(answers.remove(0)),
            _ => Answer::Many(answers),
        }
    }
}

/// The answer to one input, or a list of them.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(untagged)]
pub enum Answer<A> {
    /// To one input.
    One(A),
    /// To a list.
    Many(Vec<A>),
}

/// Refuses an empty list and one with more than `limit` items.
///
/// # Errors
/// [`ApiError::Empty`], or [`ApiError::TooMany`] with the number.
pub fn check_count(name: &'static str, count: usize, limit: usize) -> Result<(), ApiError> {
    match count {
        0 => Err(ApiError::Empty(name)),
        count if count > limit => Err(ApiError::TooMany { name, count, limit }),
        _ => Ok(()),
    }
}

/// A text, or a text and a second one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextOrPair {
    /// The text.
    pub text: String,
    /// The second one.
    pub pair: Option<String>,
}

impl<'de> Deserialize<'de> for TextOrPair {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Pair {
            text: String,
            #[serde(default)]
            text_pair: Option<String>,
        }
        match Value::deserialize(from)? {
            Value::String(text) => Ok(Self { text, pair: None }),
            value @ Value::Object(_) => {
                let pair: Pair = serde_json::from_value(value).map_err(de::Error::custom)?;
                Ok(Self { text: pair.text, pair: pair.text_pair })
            }
            _ => Err(de::Error::custom("expected a string or {\"text\", \"text_pair\"}")),
        }
    }
}

/// A string or a list of strings, such as `targets`.
pub fn strings<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    Ok(Option::<OneOrMany<String>>::deserialize(from)?.map(|strings| match strings {
        OneOrMany::One(string) => vec![string],
        OneOrMany::Many(strings) => strings,
    }))
}
