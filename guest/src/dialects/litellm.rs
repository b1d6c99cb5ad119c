//! LiteLLM's generic guardrail API: texts are passed on, redacted, or blocked.

use std::collections::BTreeSet;

use pilotlight_model::Task;
use serde::{Deserialize, Serialize};

use super::object::optional_object;
use super::route::{Answer, Call, JSON, Requires, Route};
#[cfg(feature = "schema")]
use super::schema::{Document, Lenient};
use crate::api::ApiError;
use crate::tasks::request::check_count;
use crate::tasks::token_classification::RedactRequest;

pub(super) const ROUTES: &[Route] = &[Route {
    method: "POST",
    path: "/beta/litellm_basic_guardrail_api",
    requires: Requires::Task(Task::TokenClassification),
    reads: JSON,
    answer,
}];

/// A request. The conversation that the texts are from is of no effect.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct GuardrailRequest {
    #[serde(default)]
    texts: Option<Vec<String>>,
    /// Images cannot be checked: a request with images is blocked.
    #[serde(default)]
    images: Option<Vec<String>>,
    #[serde(default, deserialize_with = "optional_object")]
    additional_provider_specific_params: Option<Parameters>,
}

/// What the guardrail's configuration says.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "GuardrailParameters")
)]
struct Parameters {
    /// Labels that block a text; others are redacted.
    #[serde(default)]
    block: Option<BTreeSet<String>>,
    /// What to put in place of an entity; `{label}` stands for its label. `[{label}]` unless given.
    #[serde(default)]
    placeholder: Option<String>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "GuardrailAnswer"))]
struct Decided {
    action: Action,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked_reason: Option<String>,
    /// The texts, redacted.
    #[serde(skip_serializing_if = "Option::is_none")]
    texts: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "GuardrailAction"))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Action {
    None,
    Blocked,
    GuardrailIntervened,
}

fn answer(call: &mut Call<'_>) -> Result<Answer, ApiError> {
    let request: GuardrailRequest = call.read()?;
    let Parameters { block, placeholder } =
        request.additional_provider_specific_params.unwrap_or_default();
    if request.images.is_some_and(|images| !images.is_empty()) {
        return blocked("images cannot be checked".to_owned());
    }
    let texts = request.texts.unwrap_or_default();
    let model = call.text()?;
    if !texts.is_empty() {
        check_count("texts", texts.len(), model.manifest.limits.max_inputs)?;
    }
    let block = block.unwrap_or_default();
    let mut redacted = Vec::with_capacity(texts.len());
    for text in &texts {
        let request = RedactRequest {
            text: text.clone(),
            entities: None,
            placeholder: placeholder.clone(),
            explain: false,
        };
        let found = model.redact(request, call.usage)?;
        let labels = found
            .entities
            .iter()
            .flat_map(|entity| entity.entity_group.iter().chain(&entity.also_labels));
        if let Some(label) = labels.into_iter().find(|label| block.contains(*label)) {
            return blocked(format!("a text contains an entity of the label {label}"));
        }
        redacted.push(found.text);
    }
    Answer::json(&match redacted == texts {
        true => Decided { action: Action::None, blocked_reason: None, texts: None },
        false => {
            let texts = Some(redacted);
            Decided { action: Action::GuardrailIntervened, blocked_reason: None, texts }
        }
    })
}

fn blocked(reason: String) -> Result<Answer, ApiError> {
    let blocked_reason = Some(reason);
    Answer::json(&Decided { action: Action::Blocked, blocked_reason, texts: None })
}

/// Describes the route.
#[cfg(feature = "schema")]
pub(super) fn describe(document: &mut Document) {
    document.tag("LiteLLM");
    document
        .post(
            "/beta/litellm_basic_guardrail_api",
            "Redacts or blocks texts, as LiteLLM's guardrails ask.",
        )
        .reads::<Lenient<GuardrailRequest>>(&serde_json::json!({
            "texts": ["Ada met Bob in Paris."],
            "input_type": "request",
        }))
        .answers::<Decided>();
}
