//! A `tokenizer.json`, read with care: files are untrusted, and the library panics on some.

use pilotlight_model::{PatternError, translate_pattern, visit_patterns};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use tokenizers::models::ModelWrapper;
use tokenizers::normalizers::Precompiled;
use tokenizers::processors::PostProcessorWrapper;
use tokenizers::{
    AddedToken, DecoderWrapper, NormalizerWrapper, PreTokenizerWrapper, TokenizerImpl,
};

use super::steps::{Normalizing, PreTokenizing};

/// The format that `tokenizers` writes.
const FILE_VERSION: &str = "1.0";

/// Why a file is no tokenizer.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// A part is missing or wrong.
    #[error("not a tokenizer: {0}")]
    Malformed(String),
    /// A regular expression means something else in the sandbox.
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

/// What is read of a file. Padding and truncation are left out: a published file may pad to 128
/// tokens, and every short text would cost three times its work.
#[derive(Deserialize)]
struct File {
    version: Option<String>,
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    normalizer: Option<Value>,
    pre_tokenizer: Option<Value>,
    post_processor: Option<Value>,
    decoder: Option<Value>,
    model: ModelWrapper,
}

/// What is read of a model before the library sees it.
#[derive(Deserialize)]
struct Outline {
    model: ModelOutline,
}

#[derive(Deserialize)]
struct ModelOutline {
    /// Of BPE; Unigram has a list in its place.
    #[serde(default)]
    vocab: Option<Longest>,
    #[serde(default)]
    merges: Vec<Merge>,
    continuing_subword_prefix: Option<String>,
    /// Of Unigram: its index of the unknown piece, which the library keeps to itself.
    unk_id: Option<u32>,
}

/// Two pieces that are merged: `"a b"` in older files.
#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Pair(String, String),
    Line(String),
}

/// The library's tokenizer, whose patterns do not fail in silence.
pub type Inner =
    TokenizerImpl<ModelWrapper, Normalizing, PreTokenizing, PostProcessorWrapper, DecoderWrapper>;

/// The parts of a file together, and what cannot be learned of them later.
pub struct Read {
    /// The tokenizer, without padding, truncation and dropout.
    pub tokenizer: Inner,
    /// Unigram's unknown piece.
    pub unigram_unknown: Option<u32>,
}

/// Reads a file: patterns are translated and nothing is left to chance.
///
/// # Errors
/// [`FileError`] naming the part.
pub fn read(file: &[u8]) -> Result<Read, FileError> {
    let outline: Outline = serde_json::from_slice(file).map_err(malformed)?;
    let unigram_unknown = outline.model.unk_id;
    check_merges(outline.model)?;
    let file: File = serde_json::from_slice(file).map_err(malformed)?;
    if let Some(version) = file.version.filter(|version| version != FILE_VERSION) {
        return Err(FileError::Malformed(format!("unknown version {version:?}")));
    }
    let mut model = file.model;
    if let ModelWrapper::BPE(model) = &mut model {
        // Of use in training only: the same text would have other tokens each time.
        model.dropout = None;
    }
    let mut tokenizer = Inner::new(model);
    let normalizer = part::<NormalizerWrapper>("normalizer", file.normalizer)?;
    let normalizer = normalizer.map(Normalizing::try_from).transpose().map_err(malformed)?;
    tokenizer.with_normalizer(normalizer).map_err(malformed)?;
    let pre_tokenizer = part::<PreTokenizerWrapper>("pre_tokenizer", file.pre_tokenizer)?;
    let pre_tokenizer =
        pre_tokenizer.map(PreTokenizing::try_from).transpose().map_err(malformed)?;
    tokenizer.with_pre_tokenizer(pre_tokenizer);
    tokenizer.with_decoder(part::<DecoderWrapper>("decoder", file.decoder)?);
    tokenizer
        .with_post_processor(part::<PostProcessorWrapper>("post_processor", file.post_processor)?);
    tokenizer.add_tokens(file.added_tokens).map_err(malformed)?;
    Ok(Read { tokenizer, unigram_unknown })
}

fn malformed(error: impl std::fmt::Display) -> FileError {
    FileError::Malformed(error.to_string())
}

/// A part of the file, checked and with its patterns translated.
fn part<T: DeserializeOwned>(name: &str, part: Option<Value>) -> Result<Option<T>, FileError> {
    let Some(mut part) = part else { return Ok(None) };
    let named = |reason: String| FileError::Malformed(format!("{name}: {reason}"));
    check_part(&part).map_err(named)?;
    visit_patterns(&mut part, &mut |pattern| {
        *pattern = translate_pattern(pattern)?;
        Ok::<(), PatternError>(())
    })?;
    serde_json::from_value(part).map(Some).map_err(|error| named(error.to_string()))
}

/// Refuses values that the library panics on, at once or with some text.
fn check_part(part: &Value) -> Result<(), String> {
    match part {
        Value::Array(items) => items.iter().try_for_each(check_part),
        Value::Object(fields) => {
            // By their fields: the library recognizes parts without a type, too.
            let number = |name: &str| fields.get(name).and_then(Value::as_u64);
            let named = |name: &str| fields.get("type").and_then(Value::as_str) == Some(name);
            if named("TemplateProcessing") || fields.contains_key("single") {
                check_template(part)?;
            }
            if number("length") == Some(0) {
                return Err("FixedLength has length 0".into());
            }
            if number("stop").is_some_and(|stop| stop > 0) {
                return Err("Strip with stop above 0 is not supported".into());
            }
            if named("Precompiled") || fields.contains_key("precompiled_charsmap") {
                serde_json::from_str::<Precompiled>(&part.to_string())
                    .map_err(|error| format!("precompiled_charsmap: {error}"))?;
            }
            fields.values().try_for_each(check_part)
        }
        _ => Ok(()),
    }
}

/// Every special token of a template has to be described.
fn check_template(template: &Value) -> Result<(), String> {
    for name in ["single", "pair"] {
        for piece in template[name].as_array().into_iter().flatten() {
            let id = piece["SpecialToken"]["id"].as_str();
            if let Some(id) = id.filter(|id| template["special_tokens"].get(id).is_none()) {
                return Err(format!("special token {id} is not among special_tokens"));
            }
        }
    }
    Ok(())
}

/// Every merge has to be of pieces that fit together.
fn check_merges(model: ModelOutline) -> Result<(), FileError> {
    let prefix = model.continuing_subword_prefix.unwrap_or_default();
    let longest = model.vocab.map_or(0, |Longest(longest)| longest);
    for merge in &model.merges {
        let pair = match merge {
            Merge::Pair(first, second) => Some((&first[..], &second[..])),
            Merge::Line(line) => line.split_once(' '),
        };
        // The library says what is wrong with a line that is no pair.
        let Some((first, second)) = pair else { continue };
        let merged = second.strip_prefix(&prefix).map(|rest| first.len() + rest.len());
        if merged.is_none_or(|merged| merged > longest) {
            let reason = format!("the merge of {first:?} and {second:?} is not in the vocabulary");
            return Err(FileError::Malformed(reason));
        }
    }
    Ok(())
}

/// The bytes of the longest key of a map; 0 for anything else.
struct Longest(usize);

impl<'de> Deserialize<'de> for Longest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Longest;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a vocabulary")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Longest, A::Error> {
                let mut longest = 0;
                while let Some((key, _)) = map.next_entry::<String, IgnoredAny>()? {
                    longest = longest.max(key.len());
                }
                Ok(Longest(longest))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut seq: A,
            ) -> Result<Longest, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Longest(0))
            }
        }
        deserializer.deserialize_any(Keys)
    }
}
