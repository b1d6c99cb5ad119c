//! Tokenizers of every kind: the answers of `transformers`, with nothing left to chance.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use pilotlight_guest::model::Usage;
use pilotlight_guest::tasks::token_classification::Parameters;
use pilotlight_guest::text::tokenizer::Tokenizer;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

mod oracle;
mod tokenizer_kinds;
use tokenizer_kinds::{Kind, kind, kinds};

#[test]
fn entities_are_those_of_transformers_for_every_kind_of_tokenizer() {
    for kind in kinds() {
        let pipeline = kind.pipeline();
        for case in &kind.cases {
            let ignored = if case.strategy == "none" { vec![] } else { vec!["O"] };
            let parameters: Parameters = serde_json::from_value(serde_json::json!({
                "aggregation_strategy": case.strategy, "ignore_labels": ignored,
            }))
            .unwrap();
            let answers = pipeline.classify(&[&case.text], &parameters, &mut Usage::default());
            let found: Vec<_> = answers.unwrap()[0]
                .iter()
                .map(|entity| {
                    let label = entity.entity_group.clone().or(entity.entity.clone()).unwrap();
                    (label, entity.word.clone(), entity.start, entity.end)
                })
                .collect();
            let expected: Vec<_> = case
                .expected
                .iter()
                .map(|(label, _, word, start, end)| (label.clone(), word.clone(), *start, *end))
                .collect();
            assert_eq!(found, expected, "{} {} {:?}", kind.name, case.strategy, case.text);
        }
    }
}

#[test]
fn dropout_of_training_is_off() {
    let mut kind = kind("roberta");
    let text = "I met Ada in Paris now, and Bob met Ada";
    let expected = kind.load().encode(text).unwrap();
    for dropout in [0.1, 0.5, 1.0] {
        kind.tokenizer["model"]["dropout"] = dropout.into();
        let tokenizer = kind.load();
        for _ in 0..10 {
            assert_eq!(tokenizer.encode(text).unwrap(), expected);
        }
    }
}

#[test]
fn a_file_of_another_format_or_without_a_model_is_refused() {
    let refusal = |file: &str| Tokenizer::load(file.as_bytes(), 64).err().unwrap().to_string();
    let mut other = kind("wordlevel").tokenizer;
    other["version"] = "2.0".into();
    assert_eq!(refusal(&other.to_string()), "not a tokenizer: unknown version \"2.0\"");
    assert!(refusal("{}").starts_with("not a tokenizer: "));
    let mut other = kind("wordlevel").tokenizer;
    other["pre_tokenizer"] = serde_json::json!({"type": "Teleport"});
    assert!(refusal(&other.to_string()).starts_with("not a tokenizer: pre_tokenizer: "));
}

/// Why a file is refused after a change.
fn refusal(name: &str, change: impl FnOnce(&mut Value)) -> String {
    let Kind { mut tokenizer, .. } = kind(name);
    change(&mut tokenizer);
    Tokenizer::load(tokenizer.to_string().as_bytes(), 64).err().unwrap().to_string()
}

#[test]
fn files_on_which_the_library_would_panic_are_refused_by_name() {
    let expected = "not a tokenizer: the merge of ";
    let found = refusal("bpe-prefix", |file| file["model"]["merges"][0][1] = "a".into());
    assert!(found.starts_with(expected), "{found}");
    let found = refusal("roberta", |file| file["model"]["merges"][0] = json!(["<mask>", "<mask>"]));
    assert!(found.starts_with(expected), "{found}");
    let found = refusal("roberta", |file| {
        file["model"]["continuing_subword_prefix"] = "\u{1f600}".into();
    });
    assert!(found.starts_with(expected), "{found}");
    let found = refusal("wordpiece", |file| {
        file["post_processor"]["special_tokens"] = json!({});
    });
    assert_eq!(
        found,
        "not a tokenizer: post_processor: special token [CLS] is not among special_tokens"
    );
    let found = refusal("deberta", |file| {
        file["normalizer"] = json!({"type": "Precompiled", "precompiled_charsmap": "AAAA"});
    });
    assert!(found.starts_with("not a tokenizer: normalizer: precompiled_charsmap: "), "{found}");
    let found = refusal("wordlevel", |file| {
        file["pre_tokenizer"] = json!({"type": "FixedLength", "length": 0});
    });
    assert_eq!(found, "not a tokenizer: pre_tokenizer: FixedLength has length 0");
    let found = refusal("wordlevel", |file| {
        file["decoder"] = json!({"type": "Strip", "content": " ", "start": 0, "stop": 1});
    });
    assert_eq!(found, "not a tokenizer: decoder: Strip with stop above 0 is not supported");
}

/// Puts `value` somewhere into `place`.
fn spoil(place: &mut Value, steps: &[Index], value: Value) {
    match (steps.split_first(), place) {
        (Some((step, steps)), Value::Object(fields)) if !fields.is_empty() => {
            let at = step.index(fields.len());
            if let Some(next) = fields.values_mut().nth(at) {
                spoil(next, steps, value);
            }
        }
        (Some((step, steps)), Value::Array(items)) if !items.is_empty() => {
            let at = step.index(items.len());
            spoil(&mut items[at], steps, value);
        }
        (_, place) => *place = value,
    }
}

/// The default model's tokenizer, and small ones of BERT's kind with other settings.
fn berts() -> Vec<Tokenizer> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/pii-ner/tokenizer.json");
    let mut files = vec![serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()];
    let settings =
        [(true, true, true), (false, true, false), (true, false, false), (false, false, true)];
    for (clean, chinese, lowercase) in settings {
        let mut file = kind("wordpiece").tokenizer;
        file["normalizer"] = json!({
            "type": "BertNormalizer", "clean_text": clean, "handle_chinese_chars": chinese,
            "strip_accents": null, "lowercase": lowercase,
        });
        file["pre_tokenizer"] = json!({"type": "BertPreTokenizer"});
        file["model"]["max_input_chars_per_word"] = json!(6);
        files.push(file);
    }
    let load = |file: &Value| Tokenizer::load(file.to_string().as_bytes(), 64).unwrap();
    files.iter().map(load).collect()
}

#[test]
fn one_pass_finds_the_tokens_of_the_library_around_each_character() {
    let tokenizers = berts();
    let common = '\0'..='\u{33ff}';
    let others = ('\u{3400}'..='\u{323af}').chain('\u{e0000}'..='\u{e01ff}').step_by(13);
    for c in common.chain(others) {
        let text = format!("Ada{c}b {c} {c}\u{301}met, o\u{302e}{c}\u{1b44}");
        for (index, tokenizer) in tokenizers.iter().enumerate() {
            let expected = tokenizer.encode_by_library(&text).unwrap();
            assert_eq!(tokenizer.encode(&text).unwrap(), expected, "{index}: {text:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn one_pass_finds_the_tokens_of_the_library(
        parts in prop::collection::vec(prop_oneof![
            4 => "[a-zA-Z]{1,12}",
            2 => "[ \t\n.,;:'\"@/#0-9-]{1,4}",
            2 => "[à-žά-ώа-я]{1,6}",
            1 => "[一-龥ぁ-んァ-ヶ가-힣！-～]{1,4}",
            1 => "\\PC{1,4}",
            1 => any::<char>().prop_map(String::from),
            1 => prop::sample::select(vec![
                "[UNK]", "[SEP]", "[sep]", "##a", "e\u{301}\u{327}", "\u{0}", "\u{fffd}", "\u{200d}",
                "İstanbul", "ﬁ", "Å", "\u{345}\u{334}", "\u{1f468}\u{200d}\u{1f469}",
            ]).prop_map(str::to_owned),
        ], 0..24),
    ) {
        thread_local! {
            static BERTS: Vec<Tokenizer> = berts();
        }
        let text = parts.concat();
        BERTS.with(|tokenizers| {
            for tokenizer in tokenizers {
                let expected = tokenizer.encode_by_library(&text).unwrap();
                prop_assert_eq!(tokenizer.encode(&text).unwrap(), expected);
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_spoiled_file_is_refused_or_works(
        which in any::<Index>(),
        spoils in prop::collection::vec(
            (prop::collection::vec(any::<Index>(), 1..6), prop::sample::select(vec![
                json!(null), json!(0), json!(-1), json!(1), json!(u32::MAX), json!(u64::MAX), json!(1e300),
                json!(""), json!("a"), json!("\u{1f600}"), json!([]), json!({}), json!(true), json!(" "),
                json!("##"), json!("<unk>"), json!([["a", 0.5]]),
            ])),
            1..4,
        ),
    ) {
        thread_local! {
            static KINDS: Vec<Kind> = kinds();
        }
        let mut file = KINDS.with(|kinds| which.get(kinds).tokenizer.clone());
        for (steps, value) in spoils {
            spoil(&mut file, &steps, value);
        }
        let Ok(tokenizer) = Tokenizer::load(file.to_string().as_bytes(), 32) else { return Ok(()) };
        for text in ["", "Ada met Bob, Jose\u{301}", "\u{1f600} a\r\n\t漢字 <unk>[UNK] x", "aaaa ##a"] {
            let Ok(tokens) = tokenizer.encode(text) else { continue };
            let length = text.chars().count();
            for token in &tokens {
                prop_assert!(token.start <= token.end && token.end <= length);
            }
            tokenizer.decode(tokens.into_iter().map(|token| token.text).collect());
        }
    }
}
