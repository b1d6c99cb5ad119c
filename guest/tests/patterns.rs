//! Patterns of tokenizers: split as Hugging Face `tokenizers` splits, or refused by name.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

mod split;

use serde_json::{Value, json};

use split::{split, tokenizer};

#[test]
fn texts_are_split_as_oniguruma_splits_them() {
    let lines = include_str!("fixtures/patterns.jsonl").lines();
    let mut lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    let texts = lines.pop().unwrap()["texts"].clone();
    assert!(lines.len() > 50);
    for line in lines {
        let pattern = line["pattern"].as_str().unwrap();
        // Within a sequence, too: that is how published files have it.
        let sequence = json!({"type": "Sequence", "pretokenizers": [split(pattern)]});
        let tokenizer = tokenizer(&sequence, &Value::Null).unwrap();
        for (text, pieces) in
            texts.as_array().unwrap().iter().zip(line["pieces"].as_array().unwrap())
        {
            let tokens = tokenizer.encode(text.as_str().unwrap()).unwrap();
            let found: Vec<_> =
                tokens.iter().map(|token| json!([token.start, token.end])).collect();
            assert_eq!(&json!(found), pieces, "{pattern:?} {text}");
        }
    }
}

#[test]
fn patterns_without_an_equivalent_are_refused_by_name() {
    for (pattern, construct) in [
        (r"\X", r"\X"),
        (r"\y", r"\y"),
        (r"\G", r"\G"),
        (r"a\Kb", r"\K"),
        (r"(?i)straße", "\"st\" without regard to case (?i)"),
        (r"(?i:[a-zß])", "'ß' in a class without regard to case (?i)"),
        (r"\xE9", r"the byte \xE9 (use \x{…} for a code point)"),
        (r"(?~abc)", "an absent group (?~…)"),
        (r"(?<n>a)\g<n>", r"\g"),
        (r"\p{In_Arrows}", r"the property \p{In_Arrows}"),
        (r"[[:foo:]]", "the POSIX bracket [:foo:]"),
        (r"(a*)*", "* after what may match nothing"),
        (r"(", "a ( without its )"),
    ] {
        for (pre_tokenizer, normalizer) in [
            (split(pattern), Value::Null),
            (json!({"type": "Sequence", "pretokenizers": [split(pattern)]}), Value::Null),
            (
                Value::Null,
                json!({"type": "Replace", "pattern": {"Regex": pattern}, "content": " "}),
            ),
        ] {
            let refusal = tokenizer(&pre_tokenizer, &normalizer).err().unwrap();
            let expected = format!(
                "pattern {pattern:?}: {construct} cannot be translated for the sandbox; rewrite \
                 the pattern without it"
            );
            assert_eq!(refusal, expected);
        }
    }
}

#[test]
fn plain_strings_are_no_patterns() {
    let plain = json!({"type": "Split", "pattern": {"String": "\\X"}, "behavior": "Isolated",
        "invert": false});
    let tokens = tokenizer(&plain, &Value::Null).unwrap().encode("a\\Xb").unwrap();
    assert_eq!(tokens.len(), 3);
}
