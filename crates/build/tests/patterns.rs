//! Patterns of a tokenizer are compared with Hugging Face's engine before a component is built.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::fs;

use pilotlight_build::{check_patterns, check_translation};
use pilotlight_model::{Digest, ModelFolder, translate_pattern};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder whose tokenizer splits at `pattern` what a normalizer has made of a text.
fn folder(normalizer: Value, pattern: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let split = json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated",
        "invert": false});
    let tokenizer = json!({
        "version": "1.0", "added_tokens": [], "normalizer": normalizer, "post_processor": null,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, split]},
        "decoder": null,
        "model": {"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"},
    });
    let files =
        [("model.onnx", Value::Null), ("tokenizer.json", tokenizer), ("config.json", json!({}))];
    let mut manifest = String::from(
        "name = \"m\"\ntask = \"token-classification\"\nmax-length = 8\nlicense = \"CC0-1.0\"\n[files]\n",
    );
    for (name, content) in files {
        let content = content.to_string();
        fs::write(folder.path().join(name), &content).unwrap();
        manifest.push_str(&format!("{name:?}.sha256 = \"{}\"\n", Digest::of(content.as_bytes())));
    }
    fs::write(folder.path().join("model.toml"), manifest).unwrap();
    folder
}

fn check(pattern: &str, texts: &[&str]) -> Result<(), String> {
    check_with(Value::Null, pattern, texts)
}

fn check_with(normalizer: Value, pattern: &str, texts: &[&str]) -> Result<(), String> {
    let folder = folder(normalizer, pattern);
    let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
    let folder = ModelFolder::open(folder.path()).unwrap();
    check_patterns(&folder, &texts).map_err(|error| error.to_string())
}

#[test]
fn patterns_of_published_tokenizers_pass() {
    for pattern in [
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        r"[\p{Han}]+|[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{M}]+(?i:'s|'t)?",
        r" ?[^(\s|[.,!?…。，、।۔،])]+",
        r"(?<=\d)(?=(\d{3})+(?!\d))",
        r"[一-龥]+|\d{1,3}+|^\w+$|[[:punct:]]",
        " {2,}",
    ] {
        assert_eq!(check(pattern, &["Dear Ada,\nthanks for 12345."]), Ok(()), "{pattern}");
    }
}

#[test]
fn a_pattern_without_an_equivalent_is_refused_before_the_build() {
    assert_eq!(
        check(r"a\X", &[]),
        Err(r#"tokenizer.json: pattern "a\\X": \X cannot be translated for the sandbox; rewrite the pattern without it"#.into())
    );
}

#[test]
fn a_pattern_that_never_ends_is_refused() {
    let refusal = check(r"(?:(a|b|ab)(?=c|d|[ab])\1?)+d(?!e)", &[&"ab".repeat(40)]).unwrap_err();
    assert!(refusal.starts_with("tokenizer.json: pattern "), "{refusal}");
}

#[test]
fn a_translation_that_splits_a_text_differently_is_refused() {
    let check = |pattern, translated: &str, texts: &[&str]| {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        check_translation(pattern, translated, &texts).map_err(|error| error.to_string())
    };
    let pattern = r"\p{L}+|\d{1,3}";
    assert_eq!(check(pattern, &translate_pattern(pattern).unwrap(), &["Ada 12345"]), Ok(()));
    let refusal = |quote: &str| {
        Err(format!(
            "tokenizer.json: pattern {pattern:?}: splits {quote:?} differently in the sandbox than in \
             Hugging Face tokenizers; rewrite the pattern"
        ))
    };
    // Another number of digits, on a text of the caller's; letters of ASCII alone, on one of the own.
    assert_eq!(check(pattern, r"\p{L}+|\d{1,4}", &["\u{1}12345"]), refusal("\u{1}12345"));
    let refused = check(pattern, r"[A-Za-z]+|\d{1,3}", &["Ada"]).unwrap_err();
    assert!(refused.contains("differently in the sandbox"), "{refused}");
}

#[test]
fn a_pattern_is_tried_on_what_the_normalizer_makes_of_a_text() {
    let slow = r"(?:(?:a|b|ab)(?=c|d|[ab]))+d(?!e)";
    let replaced = json!({"type": "Replace", "pattern": {"Regex": "Q"}, "content": "ab"});
    let text = "Q".repeat(40);
    assert_eq!(check(slow, &[&text]), Ok(()));
    let refusal = check_with(replaced, slow, &[&text]).unwrap_err();
    assert!(refusal.starts_with(&format!("tokenizer.json: pattern {slow:?}")), "{refusal}");
}
