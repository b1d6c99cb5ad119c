//! LiteLLM's generic guardrail API: texts are passed on, redacted, or blocked.

use std::collections::BTreeSet;

use pilotlight_model::Task;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::object::{optional_object, optional_objects};
use super::route::{Answer, Call, Requires, Route};
#[cfg(feature = "schema")]
use super::schema::{Document, Lenient};
use crate::api::ApiError;
use crate::tasks::request::check_count;
use crate::tasks::token_classification::RedactRequest;

pub(super) const ROUTES: &[Route] = &[Route::post(
    "/beta/litellm_basic_guardrail_api",
    Requires::Task(Task::TokenClassification),
    answer,
)];

/// A request. The conversation that the texts are from is of no effect.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct GuardrailRequest {
    #[serde(default)]
    texts: Option<Vec<String>>,
    /// Images cannot be checked: a request with images is blocked.
    #[serde(default)]
    images: Option<Vec<String>>,
    /// Calls of tools: an entity in their arguments blocks the request, because the answer cannot replace it.
    #[serde(default, deserialize_with = "optional_objects")]
    tool_calls: Option<Vec<ToolCall>>,
    #[serde(default, deserialize_with = "optional_object")]
    additional_provider_specific_params: Option<Parameters>,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "GuardrailToolCall")
)]
struct ToolCall {
    #[serde(default, deserialize_with = "optional_object")]
    function: Option<ToolFunction>,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "GuardrailToolFunction")
)]
struct ToolFunction {
    /// JSON.
    #[serde(default)]
    arguments: Option<String>,
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
    /// Whether calls of tools pass unchecked.
    #[serde(default)]
    ignore_tool_calls: Option<bool>,
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
    let parameters = request.additional_provider_specific_params.unwrap_or_default();
    let Parameters { block, placeholder, ignore_tool_calls } = parameters;
    if request.images.is_some_and(|images| !images.is_empty()) {
        return blocked("images cannot be checked".to_owned());
    }
    let texts = request.texts.unwrap_or_default();
    let calls = match ignore_tool_calls {
        Some(true) => Vec::new(),
        _ => request.tool_calls.unwrap_or_default(),
    };
    let (model, limit) = (call.text()?, call.text()?.manifest.limits.max_inputs);
    for (name, count) in [("texts", texts.len()), ("tool_calls", calls.len())] {
        if count > 0 {
            check_count(name, count, limit)?;
        }
    }
    let mut redact = |text: &str| {
        let (text, placeholder) = (text.to_owned(), placeholder.clone());
        let request = RedactRequest { text, entities: None, placeholder, explain: false };
        model.redact(request, call.usage)
    };
    for arguments in calls.into_iter().filter_map(|call| call.function?.arguments) {
        for text in texts_of(&arguments) {
            if let Some(label) = redact(&text)?.labels().next() {
                let reason = "which cannot be replaced there";
                return blocked(format!(
                    "a tool call has an entity of the label {label}, {reason}"
                ));
            }
        }
    }
    let block = block.unwrap_or_default();
    let mut redacted = Vec::with_capacity(texts.len());
    for text in &texts {
        let found = redact(text)?;
        if let Some(label) = found.labels().find(|label| block.contains(*label)) {
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

/// The texts of arguments: keys, strings and numbers of JSON, whose escapes could hide a value; all of
/// arguments that are not JSON.
fn texts_of(arguments: &str) -> Vec<String> {
    fn collect(value: Value, texts: &mut Vec<String>) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => texts.push(number.to_string()),
            Value::String(text) => texts.push(text),
            Value::Array(items) => items.into_iter().for_each(|item| collect(item, texts)),
            Value::Object(fields) => fields.into_iter().for_each(|(key, value)| {
                texts.push(key);
                collect(value, texts);
            }),
        }
    }
    let mut texts = Vec::new();
    match serde_json::from_str(arguments) {
        Ok(value) => collect(value, &mut texts),
        Err(_) => texts.push(arguments.to_owned()),
    }
    texts
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
