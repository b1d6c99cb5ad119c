//! Tokenizers of every kind: the answers of `transformers`, with nothing left to chance.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use pilotlight_guest::api::Parameters;
use pilotlight_guest::pipeline::Timings;
use pilotlight_guest::tokenizer::Tokenizer;

mod tokenizer_kinds;
use tokenizer_kinds::{kind, kinds};

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
            let answers = pipeline.classify(&[&case.text], &parameters, &mut Timings::default());
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
