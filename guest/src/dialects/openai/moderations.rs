//! `POST /v1/moderations`: what a text classifier says of texts, under the names of its labels. OpenAI's
//! categories are there, too, because typed clients read them.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use crate::api::ApiError;
use crate::dialects::input::part;
use crate::dialects::output::{check_finite, id};
use crate::dialects::route::{Answer, Call};
use crate::tasks::encode::{Side, Truncate};
use crate::tasks::request::{TextOrPair, check_count};
use crate::tasks::text_classification::{Function, scores};

/// The categories of omni-moderation.
const CATEGORIES: [&str; 13] = [
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/intent",
    "self-harm/instructions",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
];
/// Labels of texts that are not objected to. So is one whose first word is `no`, `non` or `not`.
const HARMLESS: [&str; 10] =
    ["acceptable", "benign", "clean", "harmless", "neutral", "none", "normal", "ok", "safe", "sfw"];
/// The score from which a category applies.
const THRESHOLD: f32 = 0.5;

/// `POST /v1/moderations`. Any `model` is taken for ours, which the answer names.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct ModerationRequest {
    input: Input,
    /// Pilotlight's own: whether the ends of texts that are too long are left out; they are refused
    /// unless it says so.
    #[serde(default)]
    truncate: bool,
}

/// Texts, with a result for each, or parts of one message, which have one result together.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Input {
    Texts(Vec<String>),
    Parts(Vec<String>),
}

impl<'de> Deserialize<'de> for Input {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        const EXPECTED: &str =
            "expected a string, a list of strings, or a list of parts of the type text";
        let text = |value| match value {
            Value::String(text) => Ok(text),
            _ => Err(EXPECTED.to_owned()),
        };
        let input = match Value::deserialize(from)? {
            Value::Array(items) if items.iter().any(Value::is_object) => {
                items.into_iter().map(part).collect::<Result<_, _>>().map(Self::Parts)
            }
            Value::Array(items) => {
                items.into_iter().map(text).collect::<Result<_, _>>().map(Self::Texts)
            }
            one => text(one).map(|text| Self::Texts(vec![text])),
        };
        input.map_err(D::Error::custom)
    }
}

pub(super) fn answer(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    let ModerationRequest { input, truncate } = call.read()?;
    let model = call.text()?;
    let (texts, together) = match input {
        Input::Texts(texts) => (texts, false),
        Input::Parts(texts) => (texts, true),
    };
    check_count("input", texts.len(), model.manifest.limits.max_inputs)?;
    let item = |text| TextOrPair { text, pair: None };
    let items: Vec<TextOrPair> = texts.into_iter().map(item).collect();
    let truncate = Truncate::new(truncate, Side::Right);
    let mut scores = scores(model, &items, (Function::Default, truncate), call.usage)?;
    if together {
        let worst = |a: Vec<f32>, b: Vec<f32>| a.iter().zip(&b).map(|(a, b)| a.max(*b)).collect();
        scores = scores.into_iter().reduce(worst).into_iter().collect();
    }
    let mut results = Vec::with_capacity(scores.len());
    for scores in &scores {
        check_finite(scores)?;
        results.push(result(model.labels.names(), scores));
    }
    Answer::json(&json!({
        "id": id("modr", call.body),
        "model": call.function.name(),
        "results": results,
    }))
}

/// The result of a text. A harmless label never applies, whatever its score, so that a text is flagged if
/// any category applies.
fn result(labels: &[String], scores: &[f32]) -> Value {
    let mut found: Vec<(&str, Option<f32>)> = CATEGORIES.map(|name| (name, None)).to_vec();
    for (label, score) in labels.iter().zip(scores) {
        let name = category(label);
        match found.iter_mut().find(|(known, _)| *known == name) {
            Some(known) => known.1 = Some(*score),
            None => found.push((name, Some(*score))),
        }
    }
    let map = |value: fn(&str, Option<f32>) -> Value| -> Map<String, Value> {
        found.iter().map(|(name, score)| ((*name).to_owned(), value(name, *score))).collect()
    };
    json!({
        "flagged": found.iter().any(|(name, score)| applies(name, *score)),
        "categories": map(|name, score| applies(name, score).into()),
        "category_scores": map(|_, score| score.unwrap_or_default().into()),
        "category_applied_input_types": map(|_, score| match score {
            Some(_) => json!(["text"]),
            None => json!([]),
        }),
    })
}

fn applies(name: &str, score: Option<f32>) -> bool {
    score.is_some_and(|score| score >= THRESHOLD) && !is_harmless(name)
}

/// OpenAI's name of a label, if it is one of theirs in another spelling.
fn category(label: &str) -> &str {
    let name = plain(label);
    CATEGORIES.into_iter().find(|category| plain(category) == name).unwrap_or(label)
}

fn is_harmless(label: &str) -> bool {
    let negated = label.split_once(|letter: char| !letter.is_alphanumeric());
    HARMLESS.contains(&&plain(label)[..])
        || negated.is_some_and(|(first, _)| ["no", "non", "not"].contains(&&plain(first)[..]))
}

/// Letters and digits alone, in lower case.
fn plain(label: &str) -> String {
    label.to_lowercase().chars().filter(|letter| letter.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_other_spelling_are_openai_s_categories() {
        for (label, name) in [
            ("Self_Harm", "self-harm"),
            ("sexual-minors", "sexual/minors"),
            ("violence/graphic", "violence/graphic"),
            ("toxic", "toxic"),
        ] {
            assert_eq!(category(label), name);
        }
    }

    #[test]
    fn harmless_labels_never_apply() {
        for (label, harmless) in [
            ("OK", true),
            ("Neutral", true),
            ("not-toxic", true),
            ("non_toxic", true),
            ("no hate", true),
            ("nonconsensual", false),
            ("toxic", false),
            ("hate", false),
        ] {
            let result = result(&[label.to_owned()], &[0.5]);
            assert_eq!(result["flagged"], !harmless, "{label}");
            assert_eq!(result["categories"][label], !harmless, "{label}");
            assert_eq!(result["category_scores"][label], 0.5, "{label}");
        }
        assert_eq!(result(&["toxic".to_owned()], &[0.49])["flagged"], false);
    }
}
