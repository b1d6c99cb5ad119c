//! The default model, natively: labels as ONNX Runtime gives them, entities as Hugging Face
//! `transformers` 5.23 makes of them.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::path::PathBuf;
use std::sync::LazyLock;

use pilotlight_guest::engine::{Placement, Precision};
use pilotlight_guest::model::{Model, TextModel, Usage};
use pilotlight_guest::tasks::token_classification::{Aggregation, Parameters};
use pilotlight_model::ModelFolder;
use serde_json::Value;

static PIPELINE: LazyLock<TextModel> = LazyLock::new(|| pipeline(Precision::F32));

fn pipeline(precision: Precision) -> TextModel {
    let folder = ModelFolder::open(root().join("models/pii-ner")).unwrap();
    match Model::load(&folder, Placement::Guest(precision)).unwrap() {
        Model::Text(model) => *model,
        Model::Voice(_) | Model::Speech(_) | Model::Tensors(_) => panic!("it reads no texts"),
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn lines(path: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(root().join(path)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn classify(text: &str, parameters: &Parameters) -> Vec<Value> {
    let entities = PIPELINE.classify(&[text], parameters, &mut Usage::default()).unwrap().remove(0);
    entities.iter().map(|entity| serde_json::to_value(entity).unwrap()).collect()
}

#[test]
fn every_token_has_the_label_that_onnx_runtime_gives_it() {
    let everything = Parameters {
        aggregation_strategy: Aggregation::None,
        ignore_labels: vec![],
        ..Parameters::default()
    };
    let mut tokens = 0;
    for line in lines("tests/golden/pii_ner.jsonl") {
        let text = line["text"].as_str().unwrap();
        let entities = classify(text, &everything);
        assert_eq!(entities.len() + 2, line["ids"].as_array().unwrap().len(), "{text:?}");
        for entity in entities {
            let index = entity["index"].as_u64().unwrap() as usize;
            assert_eq!(entity["entity"], line["labels"][index], "{text:?} token {index}");
            let place = serde_json::json!([entity["start"], entity["end"]]);
            assert_eq!(place, line["offsets"][index], "{text:?} token {index}");
            tokens += 1;
        }
    }
    assert_eq!(tokens, 10_282);
}

#[test]
fn at_least_995_tokens_of_1000_keep_their_labels_in_four_bits() {
    let everything = Parameters {
        aggregation_strategy: Aggregation::None,
        ignore_labels: vec![],
        ..Parameters::default()
    };
    let pipeline = pipeline(Precision::Int4);
    let (mut tokens, mut equal) = (0, 0);
    for line in lines("tests/golden/pii_ner.jsonl") {
        let text = line["text"].as_str().unwrap();
        let found = pipeline.classify(&[text], &everything, &mut Usage::default()).unwrap();
        for entity in found[0].iter().map(|entity| serde_json::to_value(entity).unwrap()) {
            let index = entity["index"].as_u64().unwrap() as usize;
            tokens += 1;
            equal += usize::from(entity["entity"] == line["labels"][index]);
        }
    }
    assert!(equal * 1000 >= tokens * 995, "{equal} of {tokens}");
}

#[test]
fn entities_are_those_of_the_transformers_pipeline() {
    let cases = lines("guest/tests/fixtures/hf_pipeline.jsonl");
    assert!(cases.len() > 200);
    for case in cases {
        let text = case["text"].as_str().unwrap();
        let parameters: Parameters = serde_json::from_value(case["parameters"].clone()).unwrap();
        let found = classify(text, &parameters);
        let expected = case["expected"].as_array().unwrap();
        assert_eq!(found.len(), expected.len(), "{text:?} {}", case["parameters"]);
        for (found, expected) in found.iter().zip(expected) {
            let error = found["score"].as_f64().unwrap() - expected["score"].as_f64().unwrap();
            assert!(error.abs() < 1e-4, "{text:?}: {found} is not {expected}");
            for key in ["entity", "entity_group", "index", "word", "start", "end"] {
                assert_eq!(found.get(key), expected.get(key), "{text:?}: {found}, {expected}");
            }
        }
    }
}

#[test]
fn a_name_split_by_the_vocabulary_is_redacted_whole() {
    let redact = |text: &str| {
        let request = serde_json::from_value(serde_json::json!({"text": text})).unwrap();
        PIPELINE.redact(request, &mut Usage::default()).unwrap().text
    };
    assert_eq!(redact("Renée Dupont, renee.dupont@example.com"), "[GIVEN_NAME] [SURNAME], [EMAIL]");
    assert_eq!(redact(""), "");
    assert_eq!(redact("Nothing to see here."), "Nothing to see here.");
}

#[test]
fn decomposed_names_are_redacted_whole_and_alone() {
    for (text, before, after) in [
        ("I am Jose\u{301} now", "I am ", " now"),
        ("Mr Andre\u{301} Mu\u{308}ller called", "Mr ", " called"),
        (
            "Contact Nguye\u{302}\u{303}n Thi\u{323} A\u{301}nh at noon",
            "Contact ",
            " at [ZIP_CODE]",
        ),
    ] {
        let request = serde_json::from_value(serde_json::json!({"text": text})).unwrap();
        let redacted = PIPELINE.redact(request, &mut Usage::default()).unwrap().text;
        let names = redacted.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        let names = names.unwrap_or_else(|| panic!("{text:?} became {redacted:?}"));
        assert!(names.split(' ').all(|name| name.starts_with('[')), "{redacted:?}");
        assert!(names.is_ascii(), "{redacted:?}");
    }
    let request = serde_json::json!({"text": "Mr Andre\u{301} Mu\u{308}ller called"});
    let request = serde_json::from_value(request).unwrap();
    let redacted = PIPELINE.redact(request, &mut Usage::default()).unwrap();
    assert_eq!(redacted.entities.len(), 2, "{}", redacted.text);
}

#[test]
fn nothing_is_found_twice_in_a_text_of_many_windows() {
    let texts: Vec<String> = lines("tests/golden/pii_ner.jsonl")
        .iter()
        .map(|line| line["text"].as_str().unwrap().to_owned())
        .collect();
    let found = classify(&texts[20..80].join(" "), &Parameters::default());
    assert!(found.len() > 300);
    for pair in found.windows(2) {
        assert!(pair[0]["end"].as_u64() <= pair[1]["start"].as_u64(), "{} {}", pair[0], pair[1]);
    }
}
