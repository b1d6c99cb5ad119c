//! What sentence-transformers writes beside a model.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{Pooling, json};

/// Keys of `1_Pooling/config.json` and what they stand for.
const MODES: [(&str, Pooling); 6] = [
    ("pooling_mode_cls_token", Pooling::Cls),
    ("pooling_mode_mean_tokens", Pooling::Mean),
    ("pooling_mode_max_tokens", Pooling::Max),
    ("pooling_mode_lasttoken", Pooling::LastToken),
    ("pooling_mode_weightedmean_tokens", Pooling::WeightedMean),
    ("pooling_mode_mean_sqrt_len_tokens", Pooling::MeanSqrtLength),
];
const MOST_MODULES: usize = 32;
const MOST_PROMPTS: usize = 1024;

/// A module of `modules.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Module {
    /// The last part of its class: `Transformer`, `Pooling`, `Normalize`, `Dense` and so on.
    pub(super) kind: String,
    /// Its folder.
    pub(super) path: String,
}

/// What `config_sentence_transformers.json` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) prompts: BTreeMap<String, String>,
    pub(super) default_prompt: Option<String>,
    pub(super) is_cross_encoder: bool,
    /// Class of the function that is applied to the scores of a cross-encoder.
    pub(super) activation: Option<String>,
}

/// What `sentence_bert_config.json` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) max_length: Option<u64>,
    pub(super) lower_case: bool,
}

/// Reads `modules.json`.
///
/// # Errors
/// The mistake, in words.
pub(super) fn modules(bytes: &[u8]) -> Result<Vec<Module>, String> {
    let value = json::parse(bytes)?;
    let list = value.as_array().ok_or("not a list of modules")?;
    if list.len() > MOST_MODULES {
        return Err(format!("{} modules, more than the maximum of {MOST_MODULES}", list.len()));
    }
    let module = |(index, module): (usize, &Value)| -> Result<Module, String> {
        let text = |key: &str| module[key].as_str().map(str::to_owned);
        let kind = text("type").ok_or_else(|| format!("module {index} has no type"))?;
        let kind = kind.rsplit('.').next().unwrap_or_default().to_owned();
        Ok(Module { kind, path: text("path").unwrap_or_default() })
    };
    list.iter().enumerate().map(module).collect()
}

/// Whether the tokens of a prompt are pooled: `include_prompt`, true unless it says otherwise.
pub(super) fn includes_prompt(bytes: &[u8]) -> bool {
    json::parse(bytes).is_ok_and(|config| config["include_prompt"].as_bool() != Some(false))
}

/// Reads the `config.json` of a `Pooling` module.
///
/// # Errors
/// The mistake, in words; also for several poolings whose vectors would be put together.
pub(super) fn pooling(bytes: &[u8]) -> Result<Pooling, String> {
    let value = json::parse(bytes)?;
    if let Ok(mode) = serde_json::from_value(value["pooling_mode"].clone()) {
        return Ok(mode);
    }
    let on = MODES.iter().filter(|(key, _)| value[*key] == Value::Bool(true));
    match on.map(|(_, mode)| *mode).collect::<Vec<_>>()[..] {
        [mode] => Ok(mode),
        [] => Err("no supported pooling mode is true; set `pooling` in model.toml".to_owned()),
        _ => Err("several pooling modes are true; only one is supported".to_owned()),
    }
}

/// Reads `config_sentence_transformers.json`.
///
/// # Errors
/// The mistake, in words.
pub(super) fn settings(bytes: &[u8]) -> Result<Settings, String> {
    let value = json::parse(bytes)?;
    let prompts = value["prompts"].as_object().into_iter().flatten();
    let prompt = |(name, prompt): (&String, &Value)| -> Result<(String, String), String> {
        let text = prompt.as_str().ok_or_else(|| format!("prompt {name:?} is not a string"))?;
        Ok((name.clone(), text.to_owned()))
    };
    let prompts: BTreeMap<_, _> = prompts.map(prompt).collect::<Result<_, String>>()?;
    if prompts.len() > MOST_PROMPTS {
        return Err(format!("{} prompts, more than the maximum of {MOST_PROMPTS}", prompts.len()));
    }
    let default_prompt = value["default_prompt_name"].as_str().map(str::to_owned);
    if let Some(name) = default_prompt.as_ref().filter(|name| !prompts.contains_key(*name)) {
        return Err(format!("default_prompt_name {name:?} is not one of prompts"));
    }
    let is_cross_encoder = value["model_type"] == "CrossEncoder";
    let activation = value["activation_fn"].as_str().map(str::to_owned);
    Ok(Settings { prompts, default_prompt, is_cross_encoder, activation })
}

/// Reads `sentence_bert_config.json`.
///
/// # Errors
/// The mistake, in words.
pub(super) fn limits(bytes: &[u8]) -> Result<Limits, String> {
    let value = json::parse(bytes)?;
    let lower_case = value["do_lower_case"] == Value::Bool(true);
    Ok(Limits { max_length: value["max_seq_length"].as_u64(), lower_case })
}
