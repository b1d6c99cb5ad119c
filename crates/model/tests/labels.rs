//! Label schemes, and where the labels of a model come from.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use pilotlight_model::{Labels, ModelConfig, Scheme, Tag};
use proptest::prelude::*;

fn labels(names: &str) -> Labels {
    Labels::new(names.split_whitespace().map(str::to_owned).collect())
}

fn groups(names: &str) -> String {
    labels(names).groups().iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_tag_comes_off_once_whatever_hyphens_the_group_has() {
    for (names, expected) in [
        ("O B-PER I-PER", "PER"),
        ("O B-multi-word I-multi-word", "multi-word"),
        ("O B-a-b-c I-a-b-c B-a I-a", "a a-b-c"),
        ("O B-B-cell I-B-cell", "B-cell"),
        ("O B-人名 I-人名 B-E-メール I-E-メール", "E-メール 人名"),
        ("O B--x I--x", "-x"),
        ("O B-O I-O", "O"),
    ] {
        assert_eq!(groups(names), expected, "{names}");
    }
}

#[test]
fn every_common_scheme_is_detected() {
    use Scheme::{Plain, Prefix, Suffix};
    for (names, scheme, expected) in [
        ("O PER LOC", Plain, "LOC PER"),
        ("LABEL_0 LABEL_1", Plain, "LABEL_0 LABEL_1"),
        ("O multi-word", Plain, "multi-word"),
        ("O I-PER I-LOC", Prefix, "LOC PER"),
        ("O B-PER", Prefix, "PER"),
        ("O I-PER B-LOC I-LOC", Prefix, "LOC PER"),
        ("O B-PER I-PER E-PER S-PER S-LOC", Prefix, "LOC PER"),
        ("O B-PER I-PER L-PER U-PER", Prefix, "PER"),
        ("O B-PER M-PER E-PER S-PER", Prefix, "PER"),
        ("O B-PER M-PER E-PER W-PER", Prefix, "PER"),
        ("O I-PER E-PER", Prefix, "PER"),
        ("O PER-B PER-I LOC-B LOC-I", Suffix, "LOC PER"),
        ("O multi-word-B multi-word-I", Suffix, "multi-word"),
        ("O PER-B PER-I PER-E PER-S LOC-S", Suffix, "LOC PER"),
        ("O S-B S-I", Suffix, "S"),
        ("O B-S I-S", Prefix, "S"),
        ("O B-PER I-PER [PAD] X", Prefix, "PER X [PAD]"),
        ("O B-PER I-PER multi-word", Prefix, "PER multi-word"),
        ("O I-PER I-LOC PAD", Prefix, "LOC PAD PER"),
        ("O B-PER B-LOC MISC", Prefix, "LOC MISC PER"),
        ("O I-PER B-LOC multi-word E-MAIL e-mail", Prefix, "E-MAIL LOC PER e-mail multi-word"),
        ("[PAD] O I-PER X", Prefix, "PER X [PAD]"),
    ] {
        assert_eq!((labels(names).scheme(), &groups(names)[..]), (scheme, expected), "{names}");
    }
}

#[test]
fn what_only_looks_like_a_tag_belongs_to_the_group() {
    for (names, expected) in [
        ("O NAME E-MAIL", "E-MAIL NAME"),
        ("O B-NAME I-NAME E-MAIL", "E-MAIL NAME"),
        ("O B-NAME I-NAME E-NAME S-NAME E-MAIL", "E-MAIL NAME"),
        ("O B-cell T-cell", "B-cell T-cell"),
        ("O B-cell B-lymphocyte T-cell", "B-cell B-lymphocyte T-cell"),
        ("O B-cell multi-word", "B-cell multi-word"),
        ("O PAD", "PAD"),
        ("O S-BAHN U-BAHN", "S-BAHN U-BAHN"),
        ("O VITAMIN-B VITAMIN-C", "VITAMIN-B VITAMIN-C"),
        ("O b-per i-per", "b-per i-per"),
        ("O BPER IPER", "BPER IPER"),
        ("O B- I-", "B- I-"),
        ("O PER PER", "PER"),
        ("O o", "o"),
    ] {
        assert_eq!(groups(names), expected, "{names}");
    }
    // Without a name, it is an entity all the same.
    let nameless = Labels::new(vec!["O".into(), String::new()]);
    assert_eq!(nameless.entity(1), Some((Tag::Inside, "")));
}

#[test]
fn tags_say_where_a_token_is() {
    let labels = labels("O B-A I-A M-A E-A L-A S-A U-A W-A A");
    let tags = (1..10).map(|index| labels.entity(index).unwrap());
    use Tag::{Begin, End, Inside, Single};
    let expected = [Begin, Inside, Inside, End, End, Single, Single, Single, Inside];
    assert_eq!(tags.collect::<Vec<_>>(), expected.map(|tag| (tag, "A")));
    assert_eq!((labels.entity(0), labels.entity(10)), (None, None));
    assert!(labels.tell_ends() && !self::labels("O B-A I-A A").tell_ends());
}

#[test]
fn callers_may_name_a_group_with_and_without_a_tag() {
    let bio = labels("O B-multi-word I-multi-word B-PER");
    for label in ["multi-word", "B-multi-word", "I-multi-word", "E-multi-word"] {
        assert_eq!(bio.resolve(label), Some("multi-word"), "{label}");
    }
    assert_eq!((bio.resolve("I-PER"), bio.resolve("PER")), (Some("PER"), Some("PER")));
    for label in ["word", "O", "", "per", "B-", "B-B-PER", "PER-B", "X-PER"] {
        assert_eq!(bio.resolve(label), None, "{label}");
    }
    let suffix = labels("O PER-B PER-I LOC-B");
    assert_eq!((suffix.resolve("LOC-I"), suffix.resolve("I")), (Some("LOC"), Some("PER")));
    assert_eq!(suffix.resolve("B"), None, "it is what transformers calls two groups");
    assert_eq!(labels("O multi-word").resolve("word"), Some("multi-word"));
    assert_eq!(labels("O B-O I-O").resolve("O"), Some("O"));
}

fn read(config: &str) -> Result<Option<Vec<String>>, String> {
    ModelConfig::parse(config.as_bytes()).map(|config| config.labels(Some(3)))
}

#[test]
fn labels_are_read_as_transformers_reads_them() {
    for (config, expected) in [
        (r#"{"id2label": {"0": "O", "1": "B-PER"}}"#, "O B-PER"),
        (r#"{"id2label": {"1": "B-PER", "0": "O"}, "num_labels": 7}"#, "O B-PER"),
        (r#"{"id2label": {"00": "O", " 1": "PER"}}"#, "O PER"),
        (r#"{"id2label": ["O", "PER"]}"#, "O PER"),
        (r#"{"id2label": {"0": "O", "1": "PER", "2": "PER"}}"#, "O PER PER"),
        (r#"{"num_labels": 2}"#, "LABEL_0 LABEL_1"),
        (r#"{"id2label": null, "num_labels": 1}"#, "LABEL_0"),
        (r"{}", "LABEL_0 LABEL_1 LABEL_2"),
        (r#"{"label2id": {"O": 0, "PER": 1}}"#, "LABEL_0 LABEL_1 LABEL_2"),
        (r#"{"id2label": {"0": "O"}, "x": NaN, "y": [-Infinity, Infinity]}"#, "O"),
        (r#"{"id2label": {"0": "NaN", "1": "a\\\"NaN"}, "x": NaN}"#, "NaN a\\\"NaN"),
        ("\u{feff}{\"id2label\": {\"0\": \"O\"}}", "O"),
    ] {
        let labels = read(config).unwrap().unwrap().join(" ");
        assert_eq!(labels, expected, "{config}");
    }
    assert_eq!(ModelConfig::parse(b"{}").unwrap().labels(None), None);
}

#[test]
fn labels_that_cannot_be_used_are_refused_with_the_reason() {
    for (config, reason) in [
        (r#"{"id2label": {"0": 0, "1": 1}}"#, "label 0 is 0; labels must be strings"),
        (r#"{"id2label": ["O", null]}"#, "label 1 is null"),
        (r#"{"id2label": {"0": "O", "2": "B"}}"#, "must name the labels 0, 1, 2"),
        (r#"{"id2label": {"O": 0}}"#, "must name the labels 0, 1, 2"),
        (r#"{"id2label": {"0": "O", "00": "B"}}"#, "must name the labels 0, 1, 2"),
        (r#"{"id2label": {}}"#, "must name the labels 0, 1, 2"),
        (r#"{"id2label": []}"#, "must name the labels 0, 1, 2"),
        (r#"{"id2label": "O"}"#, "must name the labels 0, 1, 2"),
        (r#"{"num_labels": 1e99}"#, "num_labels must be"),
        (r#"{"num_labels": 0}"#, "num_labels must be"),
        (r#"{"x": NaNs}"#, "line 1"),
        ("[]", "not a JSON object"),
        ("", "line 1"),
    ] {
        let refused = read(config).unwrap_err();
        assert!(refused.contains(reason), "{config}: {refused}");
    }
    assert!(ModelConfig::parse(b"\xff\xfe{\0}\0").is_err());
}

proptest! {
    #[test]
    fn any_labels_have_groups_that_they_resolve_to(
        names in proptest::collection::vec("(O|[BIESX]-)?[A-C]?-?[BIX]?", 0..8),
    ) {
        let labels = Labels::new(names.clone());
        for (index, name) in names.iter().enumerate() {
            let Some((_, group)) = labels.entity(index) else {
                prop_assert_eq!(name, "O");
                continue;
            };
            prop_assert!(name.ends_with(group) || name.starts_with(group));
            prop_assert!(labels.groups().contains(group) && labels.resolve(group) == Some(group));
            // A group of the same name comes before a label.
            prop_assert!(labels.resolve(name).is_some());
        }
    }

    #[test]
    fn labels_without_a_tag_stay_whole_beside_tagged_ones(
        tagged in proptest::collection::btree_map("[A-Z]{2,4}(-[a-z]{2,4})?", "[BI]", 2..5),
        untagged in proptest::collection::btree_set("[a-z]{2,4}(-[a-z]{2,4})?", 0..3),
    ) {
        let names = tagged.iter().map(|(group, tag)| format!("{tag}-{group}"));
        let names = std::iter::once("O".to_owned()).chain(names).chain(untagged.iter().cloned());
        let labels = Labels::new(names.collect());
        prop_assert_eq!(labels.scheme(), Scheme::Prefix);
        let expected = tagged.keys().chain(&untagged);
        prop_assert!(labels.groups().iter().eq(expected), "{:?}", labels.groups());
    }
}
