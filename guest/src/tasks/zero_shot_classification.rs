//! Scores of labels that come with the request, by natural language inference, with the semantics of
//! `ZeroShotClassificationPipeline` in Hugging Face `transformers`.

use pilotlight_wire::null_is_default;
use serde::{Deserialize, Deserializer, Serialize, de};

use super::encode::{Side, TooLong, Truncate};
use super::request::{Answer, OneOrMany, Request, check_count};
use super::scores::{ranked, softmax};
use crate::api::ApiError;
use crate::engine::Matrix;
use crate::model::{TextModel, Usage};
use crate::text::Truncation;

/// The label is never cut.
const TRUNCATE: Truncate = Truncate {
    too_long: TooLong::Truncate,
    truncation: Truncation::OnlyFirst,
    side: Side::Right,
    longest: usize::MAX,
};
/// What of a template stands for a label.
const GAP: &str = "{}";

/// How a request is to be answered.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(
        rename = "ZeroShotParameters",
        transform = crate::tasks::schema::require("candidate_labels")
    )
)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// The labels: a list, or a string with commas between them.
    #[serde(deserialize_with = "labels")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::tasks::schema::candidates"))]
    pub candidate_labels: Vec<String>,
    /// Whether any number of labels may be right, not one.
    #[serde(deserialize_with = "null_is_default")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<bool>"))]
    pub multi_label: bool,
    /// A sentence with `{}` for a label; `This example is {}.` unless given.
    pub hypothesis_template: Option<String>,
}

/// Labels as `ZeroShotClassificationArgumentHandler` reads them: only a string is split by commas, and
/// empty parts of it are none.
fn labels<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let labels = Option::<OneOrMany<String>>::deserialize(from)?;
    Ok(match labels.ok_or_else(|| de::Error::custom("candidate_labels is missing"))? {
        OneOrMany::One(labels) => {
            let parts = labels.split(',').map(str::trim).filter(|part| !part.is_empty());
            parts.map(str::to_owned).collect()
        }
        OneOrMany::Many(labels) => labels,
    })
}

/// The labels of a text, best first.
#[derive(Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ZeroShotAnswer"))]
pub struct Classified {
    /// The text.
    pub sequence: String,
    /// The labels.
    pub labels: Vec<String>,
    /// Their scores.
    pub scores: Vec<f32>,
}

/// Answers a request.
///
/// # Errors
/// [`ApiError`].
pub fn answer(
    model: &TextModel,
    request: Request<OneOrMany<String>, Parameters>,
    usage: &mut Usage,
) -> Result<Answer<Classified>, ApiError> {
    let Request { inputs, parameters, .. } = request;
    let texts = inputs.items(model.manifest.limits.max_inputs)?;
    let pairs = texts.len().saturating_mul(parameters.candidate_labels.len());
    check_count("candidate_labels", pairs, model.manifest.limits.max_inputs)?;
    let hypotheses = hypotheses(model, &parameters, usage)?;
    if texts.iter().any(String::is_empty) {
        return Err(ApiError::Invalid("inputs must not be empty".to_owned()));
    }
    let mut answers = Vec::with_capacity(texts.len());
    for text in texts {
        let premise = model.tokens(text, usage)?;
        let sequence = |hypothesis: &Vec<_>| {
            let texts = (&premise[..], &hypothesis[..]);
            model.pair_sequence(texts, TRUNCATE)
        };
        let sequences = hypotheses.iter().map(sequence).collect::<Result<Vec<_>, _>>()?;
        let scores = scores(model, &model.run_one(&sequences, usage)?, parameters.multi_label);
        let order = ranked(&scores);
        answers.push(Classified {
            sequence: text.clone(),
            labels: order.iter().map(|at| parameters.candidate_labels[*at].clone()).collect(),
            scores: order.iter().map(|at| scores[*at]).collect(),
        });
    }
    Ok(inputs.answer(answers))
}

fn hypotheses(
    model: &TextModel,
    parameters: &Parameters,
    usage: &mut Usage,
) -> Result<Vec<Vec<crate::text::Token>>, ApiError> {
    let template = parameters.hypothesis_template.as_deref().unwrap_or("This example is {}.");
    if !template.contains(GAP) {
        let message = format!("hypothesis_template {template:?} has no {GAP} for the label");
        return Err(ApiError::Invalid(message));
    }
    let labels = parameters.candidate_labels.iter();
    labels.map(|label| model.tokens(&template.replacen(GAP, label, 1), usage)).collect()
}

fn scores(model: &TextModel, outputs: &[Matrix], multi_label: bool) -> Vec<f32> {
    let entailment = entailment(model.labels.names());
    let last = outputs.first().map_or(0, Matrix::columns).saturating_sub(1);
    let entailment = entailment.unwrap_or(last);
    let logit = |output: &Matrix, at: usize| output.row(0).get(at).copied().unwrap_or_default();
    if multi_label || outputs.len() == 1 {
        let contradiction = if entailment == 0 { last } else { 0 };
        let both = |output: &Matrix| [logit(output, contradiction), logit(output, entailment)];
        return outputs.iter().map(|output| softmax(&both(output))[1]).collect();
    }
    softmax(&outputs.iter().map(|output| logit(output, entailment)).collect::<Vec<_>>())
}

/// The label that says that a hypothesis follows.
pub fn entailment(labels: &[String]) -> Option<usize> {
    labels.iter().position(|label| label.to_lowercase().starts_with("entail"))
}
