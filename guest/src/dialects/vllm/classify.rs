//! `POST /classify`: the scores of all labels of each text, in the labels' order.

use pilotlight_model::Task;
use serde::{Deserialize, Serialize};

use super::{Settings, list};
use crate::api::ApiError;
use crate::dialects::input::Texts;
use crate::dialects::object::{Object, read};
use crate::dialects::output::check_finite;
use crate::dialects::route::{Answer, Call, Requires};
use crate::tasks::request::{TextOrPair, check_count};
use crate::tasks::text_classification::{Function, labels, scores};

pub(super) const REQUIRES: Requires = Requires::Task(Task::TextClassification);

#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct ClassifyRequest {
    input: Texts,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ClassifiedText"))]
pub(super) struct Classified {
    index: usize,
    label: Option<String>,
    probs: Vec<f32>,
    num_classes: usize,
}

pub(super) fn answer(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    let mut body: Object = call.json()?;
    let ClassifyRequest { input } = read(&mut body)?;
    let settings: Settings = read(&mut body)?;
    let model = call.text()?;
    check_count("input", input.0.len(), model.manifest.limits.max_inputs)?;
    let item = |text| TextOrPair { text, pair: None };
    let texts = input.strings(model).map_err(|error| error.about("input"))?;
    let items: Vec<TextOrPair> = texts.into_iter().map(item).collect();
    let function = if settings.raw() { Function::None } else { Function::Default };
    let scores = scores(model, &items, (function, settings.truncate(model)?), call.usage)?;
    let mut data = Vec::with_capacity(scores.len());
    for (index, probs) in scores.into_iter().enumerate() {
        check_finite(&probs)?;
        let label = labels(model, &probs).into_iter().next().map(|best| best.label);
        data.push(Classified { index, label, num_classes: probs.len(), probs });
    }
    list(call, "classify", data)
}
