//! Tokenizers whose tokens are what their pre-tokenizers split off.

use pilotlight_guest::text::tokenizer::Tokenizer;
use serde_json::{Value, json};

/// A tokenizer whose tokens are the pieces that `pre_tokenizer` makes.
pub(crate) fn tokenizer(pre_tokenizer: &Value, normalizer: &Value) -> Result<Tokenizer, String> {
    let file = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": normalizer, "pre_tokenizer": pre_tokenizer, "post_processor": null,
        "decoder": null,
        "model": {"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"},
    });
    Tokenizer::load(file.to_string().as_bytes(), 64).map_err(|error| error.to_string())
}

/// A pre-tokenizer that splits at `pattern`.
pub(crate) fn split(pattern: &str) -> Value {
    json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false})
}
