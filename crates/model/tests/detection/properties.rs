use pilotlight_model::{Choices, Listing};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::kit::{ANY, Folder};

/// Files whose content is anybody's.
const FILES: [&str; 7] = [
    "config.json",
    "tokenizer_config.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "modules.json",
    "1_Pooling/config.json",
    "README.md",
];
/// Keys that are looked at.
const KEYS: [&str; 16] = [
    "architectures",
    "id2label",
    "num_labels",
    "problem_type",
    "model_type",
    "max_position_embeddings",
    "pad_token_id",
    "model_max_length",
    "max_seq_length",
    "prompts",
    "default_prompt_name",
    "pooling_mode",
    "pooling_mode_cls_token",
    "type",
    "path",
    "crf_transitions",
];

fn text() -> impl Strategy<Value = String> {
    const KNOWN: [&str; 7] =
        ["BertModel", "XForTokenClassification", "Pooling", "1_Pooling", "mean", "..", "0"];
    prop_oneof![proptest::sample::select(&KNOWN[..]).prop_map(str::to_owned), ".{0,8}"]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0..700u64).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        let key = prop_oneof![proptest::sample::select(&KEYS[..]).prop_map(str::to_owned), text()];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((key, inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_description_is_read_or_refused(
        contents in proptest::collection::vec(proptest::option::of(value()), FILES.len()),
        rank in 1..4usize,
    ) {
        let dims = [ANY, ANY, 3];
        let mut folder = Folder::new("m", &[("logits", &dims[..rank])]);
        for (name, content) in FILES.iter().zip(contents) {
            folder = match content {
                Some(content) => folder.file(name, content.to_string()),
                None => folder,
            };
        }
        match folder.choosing(&Choices::default()) {
            Ok(model) => {
                model.verify().unwrap();
                let length = model.manifest().max_length;
                prop_assert!(length.is_none_or(|length| length >= 3));
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn any_bytes_in_a_description_are_read_or_refused(
        file in proptest::sample::select(&FILES[..]),
        content in any::<Vec<u8>>(),
    ) {
        let folder = Folder::new("m", &[("last_hidden_state", &[ANY, ANY, 8])]);
        let folder = folder.file(file, content);
        let _ = folder.choosing(&Choices::default());
    }

    #[test]
    fn any_text_in_a_manifest_is_read_or_refused(text in "\\PC{0,200}") {
        let folder = Folder::new("m", &[("last_hidden_state", &[ANY, ANY, 8])]);
        let _ = folder.file("model.toml", text).choosing(&Choices::default());
    }

    #[test]
    fn nothing_outside_of_a_folder_is_wanted(names in proptest::collection::vec("[a./_]{0,6}(model|1_P/config)?[.]?(onnx|json|npy)?[_./a]{0,6}", 0..20)) {
        let listing: Listing = names.into_iter().map(|name| (name, 1)).collect();
        for (name, _) in listing.wanted(None, &Choices::default()).unwrap_or_default() {
            prop_assert!(!name.starts_with('/') && name.split('/').all(|part| part != ".."));
        }
    }
}

#[test]
fn numbers_that_are_not_finite_are_no_mistakes() {
    let config = json!({"architectures": ["BertModel"]}).to_string().replace('}', ", \"x\": NaN}");
    let folder = Folder::new("m", &[("last_hidden_state", &[ANY, ANY, 8])]);
    folder.file("config.json", config).detected();
}
