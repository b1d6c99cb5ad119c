//! Texts on which a pattern takes too many steps: refused, never split some other way.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

mod split;

use serde_json::{Value, json};

use split::{split, tokenizer};

#[test]
fn a_text_that_takes_a_pattern_too_many_steps_is_refused() {
    let removed = |pattern: &str| {
        let mut part = split(pattern);
        part["behavior"] = "Removed".into();
        part
    };
    let replaced = json!({"type": "Replace", "pattern": {"Regex": "^\\s+|\\s+$"}, "content": "x"});
    let sequence = json!({"type": "Sequence", "normalizers": [{"type": "NFC"}, replaced]});
    let inverted = json!({"type": "Split", "pattern": {"Regex": "^\\s+|\\s+$"},
        "behavior": "Isolated", "invert": true});
    let pieces =
        json!({"type": "Sequence", "pretokenizers": [split("met"), removed(r"^\s+|\s+$")]});
    let text = |blanks: usize| format!("Ada{}Bob  met  ", " ".repeat(blanks));
    for (pre_tokenizer, normalizer) in [
        (removed(r"^\s+|\s+$"), Value::Null),
        (inverted, Value::Null),
        (pieces, Value::Null),
        (Value::Null, replaced.clone()),
        (Value::Null, sequence),
    ] {
        let tokenizer = tokenizer(&pre_tokenizer, &normalizer).unwrap();
        assert!(tokenizer.encode(&text(10)).is_ok(), "{pre_tokenizer} {normalizer}");
        let refusal = tokenizer.encode(&text(1500)).unwrap_err().to_string();
        let expected =
            "the text cannot be tokenized: a pattern of the tokenizer takes too many steps on it";
        assert_eq!(refusal, expected, "{pre_tokenizer} {normalizer}");
    }
}

#[test]
fn white_space_that_takes_byte_level_too_many_steps_is_refused() {
    let bytes = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false});
    let tokenizer = tokenizer(&bytes, &Value::Null).unwrap();
    let text = |blanks: usize| format!("Ada{}Bob  met  ", " ".repeat(blanks));
    assert_eq!(tokenizer.encode(&text(989_000)).unwrap().len(), 6);
    assert!(tokenizer.encode(&text(1_000_000)).is_err());
}
