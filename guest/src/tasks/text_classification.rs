//! Scores of labels for a text or a pair, with the semantics of `TextClassificationPipeline` in Hugging
//! Face `transformers`.

use pilotlight_model::ProblemType;
use pilotlight_wire::null_is_default;
use serde::{Deserialize, Deserializer, Serialize, de};

use super::encode::Truncate;
use super::request::{Answer, OneOrMany, Request, TextOrPair};
use super::scores::{ranked, sigmoid, softmax};
use crate::api::ApiError;
use crate::engine::{Matrix, Sequence};
use crate::model::{TextModel, Usage};

/// How a request is to be answered.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "ClassificationParameters", transform = crate::tasks::schema::truncation)
)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// So many labels, best first, or all of them if it is null; only the best one unless given.
    #[serde(deserialize_with = "top_k")]
    pub top_k: Option<usize>,
    /// What makes scores of the model's outputs.
    #[serde(deserialize_with = "null_is_default")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Function>"))]
    pub function_to_apply: Function,
    /// Whether the end of a text that is too long is left out (true) or the text is refused.
    #[serde(alias = "truncation")]
    pub truncate: Truncate,
}

fn top_k<'de, D: Deserializer<'de>>(from: D) -> Result<Option<usize>, D::Error> {
    Option::<usize>::deserialize(from).map(|most| most.or(Some(usize::MAX)))
}

/// What makes scores of a classifier's outputs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Function {
    /// What the model's kind of problem asks for.
    #[default]
    Default,
    /// Each label for itself.
    Sigmoid,
    /// All labels together.
    Softmax,
    /// Outputs as they are.
    None,
}

impl<'de> Deserialize<'de> for Function {
    /// From its name in any case, as `transformers` reads it.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        const NAMES: &[&str] = &["default", "sigmoid", "softmax", "none"];
        let name = String::deserialize(from)?;
        Ok(match &*name.to_ascii_lowercase() {
            "default" => Self::Default,
            "sigmoid" => Self::Sigmoid,
            "softmax" => Self::Softmax,
            "none" => Self::None,
            _ => return Err(de::Error::unknown_variant(&name, NAMES)),
        })
    }
}

/// A label and its score.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Label {
    /// The label.
    pub label: String,
    /// Its score.
    pub score: f32,
}

/// The best label of each text, or with `top_k` a list for each text.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(untagged)]
pub enum Labels {
    /// The best one of a pair.
    One(Label),
    /// The best one of each.
    Best(Vec<Label>),
    /// The best ones.
    Ranked(Answer<Vec<Label>>),
}

/// Answers a request.
///
/// # Errors
/// [`ApiError`].
pub fn answer(
    model: &TextModel,
    request: Request<OneOrMany<TextOrPair>, Parameters>,
    usage: &mut Usage,
) -> Result<Labels, ApiError> {
    let Request { inputs, parameters, .. } = request;
    let items = inputs.items(model.manifest.limits.max_inputs)?;
    let function = parameters.function_to_apply;
    let scores = scores(model, items, (function, parameters.truncate), usage)?;
    let ranked = scores.iter().map(|scores| labels(model, scores));
    Ok(match parameters.top_k {
        Some(most) => {
            let kept = ranked.map(|labels| labels.into_iter().take(most).collect());
            Labels::Ranked(inputs.answer(kept.collect()))
        }
        None => {
            let mut best: Vec<Label> =
                ranked.filter_map(|labels| labels.into_iter().next()).collect();
            match (&inputs, best.pop()) {
                // A text alone is answered by a list, and a pair alone is not.
                (OneOrMany::One(TextOrPair { pair: Some(_), .. }), Some(label)) => {
                    Labels::One(label)
                }
                (_, last) => {
                    best.extend(last);
                    Labels::Best(best)
                }
            }
        }
    })
}

/// The scores of all labels, in their order, for each text or pair: `[texts, labels]`.
///
/// # Errors
/// [`ApiError`].
pub fn scores(
    model: &TextModel,
    items: &[TextOrPair],
    (function, truncate): (Function, Truncate),
    usage: &mut Usage,
) -> Result<Vec<Vec<f32>>, ApiError> {
    let sequences = sequences(model, items, truncate, usage)?;
    let outputs = model.run_one(&sequences, usage)?;
    let scores = |output: &Matrix| match self::function(model, function) {
        Function::Softmax | Function::Default => softmax(output.row(0)),
        Function::Sigmoid => output.row(0).iter().copied().map(sigmoid).collect(),
        Function::None => output.row(0).to_vec(),
    };
    Ok(outputs.iter().map(scores).collect())
}

/// The sequences of texts and pairs.
fn sequences(
    model: &TextModel,
    items: &[TextOrPair],
    truncate: Truncate,
    usage: &mut Usage,
) -> Result<Vec<Sequence>, ApiError> {
    let sequence = |item: &TextOrPair| match item.pair.as_deref() {
        // An empty second text is none.
        None | Some("") => model.sequence(&item.text, truncate, usage),
        Some(pair) => {
            let (first, second) = (model.tokens(&item.text, usage)?, model.tokens(pair, usage)?);
            model.pair_sequence((&first, &second), truncate)
        }
    };
    items.iter().map(sequence).collect()
}

fn function(model: &TextModel, wanted: Function) -> Function {
    match (wanted, model.manifest.problem_type) {
        (Function::Default, Some(ProblemType::Regression)) => Function::None,
        (Function::Default, Some(ProblemType::MultiLabelClassification)) => Function::Sigmoid,
        (Function::Default, _) if model.labels.names().len() == 1 => Function::Sigmoid,
        (Function::Default, _) => Function::Softmax,
        (wanted, _) => wanted,
    }
}

/// All labels of one text, best first, with their `scores`.
pub fn labels(model: &TextModel, scores: &[f32]) -> Vec<Label> {
    let names = model.labels.names();
    let label = |index: usize| Label {
        label: names.get(index).cloned().unwrap_or_default(),
        score: scores[index],
    };
    ranked(scores).into_iter().map(label).collect()
}
