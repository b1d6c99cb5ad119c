//! Entities of every label scheme, redacted and classified; labels of every form of config.json.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

mod oracle;

use std::fs;

use pilotlight_guest::engine::Placement;
use pilotlight_guest::model::{Model, TextModel, Usage};
use pilotlight_guest::tasks::token_classification::{Parameters, RedactRequest, Redacted, Span};
use pilotlight_guest::text::tokenizer::Tokenizer;
use pilotlight_model::ModelFolder;
use pilotlight_testing::tiny_model;
use proptest::prelude::*;

const SPECIAL: usize = 4;
/// Characters that are words of their own, one for each label.
const CHARACTERS: &str = "零一二三四五六七八九";

/// Finds the label with index 0 in `w0` and `零`, that with index 1 in `w1` and `一`, and so on.
fn pipeline(labels: &str) -> TextModel {
    let labels: Vec<String> = labels.split_whitespace().map(str::to_owned).collect();
    let words = (0..labels.len()).map(|label| format!("w{label}"));
    let characters = CHARACTERS.chars().take(labels.len()).map(String::from);
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"].map(str::to_owned).into_iter();
    let vocabulary: serde_json::Map<_, _> =
        special.chain(words).chain(characters).enumerate().map(|(id, w)| (w, id.into())).collect();
    let mut tokenizer = tiny_model::tokenizer();
    tokenizer["model"]["vocab"] = vocabulary.into();
    let tokenizer = Tokenizer::load(tokenizer.to_string().as_bytes(), 64).unwrap();
    let count = labels.len();
    let score = move |id: &i64| {
        let label = usize::try_from(*id).unwrap().saturating_sub(SPECIAL) % count;
        (0..count).map(move |other| if other == label { 9.0 } else { 0.0 })
    };
    oracle::model(tokenizer, labels, move |ids| ids.iter().flat_map(&score).collect())
}

fn redact(pipeline: &TextModel, text: &str, entities: Option<Vec<Span>>) -> Redacted {
    let request =
        RedactRequest { text: text.to_owned(), entities, placeholder: None, explain: false };
    pipeline.redact(request, &mut Usage::default()).unwrap()
}

#[test]
fn entities_are_redacted_as_their_scheme_says() {
    let bio = "O B-PER I-PER B-LOC I-LOC";
    let bioes = "O B-PER I-PER E-PER S-PER B-LOC E-LOC";
    let bilou = "O B-PER I-PER L-PER U-PER";
    let suffix = "O PER-B PER-I PER-E PER-S";
    for (labels, text, expected) in [
        (bio, "w1 w2 w0 w3", "[PER] w0 [LOC]"),
        (bio, "w1 w1 w2", "[PER] [PER]"),
        (bio, "w2 w2 w4", "[PER] [LOC]"),
        (bio, "一二一零", "[PER]零"),
        (bioes, "w1 w2 w3 w0 w4", "[PER] w0 [PER]"),
        (bioes, "w1 w3 w4 w4 w1", "[PER] [PER] [PER] [PER]"),
        (bioes, "w3 w3 w2", "[PER] [PER] [PER]"),
        (bioes, "w4 w2 w3", "[PER] [PER]"),
        (bioes, "w1 w6 w5 w3", "[PER] [LOC] [LOC] [PER]"),
        (bioes, "一三四一二三", "[PER][PER][PER]"),
        (bilou, "w1 w2 w3 w0 w4 w4", "[PER] w0 [PER] [PER]"),
        (suffix, "w1 w2 w3 w0 w4", "[PER] w0 [PER]"),
        (suffix, "一二三四", "[PER][PER]"),
        ("O multi-word-B multi-word-I", "w1 w2 w0 w1", "[multi-word] w0 [multi-word]"),
        ("O B-multi-word I-multi-word", "w1 w2 w0 w1", "[multi-word] w0 [multi-word]"),
        ("O multi-word other", "w1 w1 w2 w0", "[multi-word] [other] w0"),
        ("O NAME E-MAIL", "w1 w2 w2 w0", "[NAME] [E-MAIL] w0"),
        ("O I-PER I-LOC", "w1 w1 w2 w0", "[PER] [LOC] w0"),
        ("O B-O I-O", "w1 w2 w0 w1", "[O] w0 [O]"),
        ("O PER PER", "w1 w2 w0", "[PER] w0"),
        ("O B-人名 I-人名", "w1 w2 w0", "[人名] w0"),
        ("O B-PER I-PER PAD", "w3 w1 w0", "[PAD] [PER] w0"),
        ("O I-PER I-LOC PAD", "w1 w1 w2 w0 w3", "[PER] [LOC] w0 [PAD]"),
        ("O B-PER B-LOC MISC", "w1 w0 w2 w3", "[PER] w0 [LOC] [MISC]"),
        ("LABEL_0 LABEL_1", "w0 w0 w1", "[LABEL_0] [LABEL_1]"),
    ] {
        assert_eq!(redact(&pipeline(labels), text, None).text, expected, "{labels}: {text}");
    }
}

/// As `transformers` 5 answers them, which knows nothing but `B-` and `I-` in front.
#[test]
fn classification_groups_as_transformers_does() {
    for (labels, text, expected) in [
        ("O B-multi-word I-multi-word", "w1 w2 w0 w1", "multi-word:0-5 multi-word:9-11"),
        ("O B-PER I-PER E-PER S-PER", "w1 w2 w3 w4", "PER:0-5 PER:6-8 PER:9-11"),
        ("O E-PER S-PER", "w1 w1 w2 w2", "PER:0-5 PER:6-11"),
        ("O PER-B PER-I", "w1 w2 w2", "B:0-2 I:3-8"),
        ("O multi-word", "w1 w1 w0", "word:0-5"),
        ("O B-O I-O", "w1 w2", ""),
        ("LABEL_0 LABEL_1", "w0 w1 w1", "LABEL_0:0-2 LABEL_1:3-8"),
    ] {
        let pipeline = pipeline(labels);
        let answer =
            pipeline.classify(&[text], &Parameters::default(), &mut Usage::default()).unwrap();
        let entity = |entity: &pilotlight_guest::tasks::token_classification::Entity| {
            let group = entity.entity_group.as_deref().unwrap();
            format!("{group}:{}-{}", entity.start, entity.end)
        };
        let found: Vec<String> = answer[0].iter().map(entity).collect();
        assert_eq!(found.join(" "), expected, "{labels}: {text}");
    }
}

#[test]
fn entities_of_a_request_may_have_labels_with_and_without_tags() {
    let labeled = |labels: &str, label: &str| {
        let span = Span { label: label.to_owned(), start: 0, end: 2, score: 1.0 };
        redact(&pipeline(labels), "w0 w0", Some(vec![span])).text
    };
    let hyphens = "O B-multi-word I-multi-word";
    for label in ["multi-word", "B-multi-word", "I-multi-word"] {
        assert_eq!(labeled(hyphens, label), "[multi-word] w0");
    }
    assert_eq!(labeled("O PER-B PER-I", "PER-I"), "[PER] w0");
    assert_eq!(labeled("O multi-word", "word"), "[multi-word] w0");
    // What the model does not know stays what it is called.
    for label in ["other-word", "B", "", "O", "X-multi-word"] {
        assert_eq!(labeled(hyphens, label), format!("[{label}] w0"));
    }
}

#[test]
fn entities_that_overlap_tell_all_their_labels() {
    let span = |label: &str, start, end| Span { label: label.into(), start, end, score: 1.0 };
    let spans = vec![span("B-PER", 0, 2), span("LOC", 1, 5), span("PER", 4, 5)];
    let redacted = redact(&pipeline("O B-PER I-PER B-LOC"), "w0 w0 w0", Some(spans));
    assert_eq!(redacted.text, "[LOC] w0");
    assert_eq!(redacted.entities[0].also_labels, ["PER"]);
}

/// The labels, or why there are none, of the tiny model with this config.json.
fn loaded(config: &str, bom: bool) -> Result<String, String> {
    let folder = tiny_model::folder(&tiny_model::graph());
    fs::write(folder.path().join("config.json"), config).unwrap();
    if bom {
        let tokenizer = folder.path().join("tokenizer.json");
        let text = fs::read_to_string(&tokenizer).unwrap();
        fs::write(tokenizer, format!("\u{feff}{text}")).unwrap();
    }
    tiny_model::seal(folder.path());
    let folder = ModelFolder::open(folder.path()).unwrap();
    let model = Model::load(&folder, Placement::default()).map_err(|error| error.to_string())?;
    Ok(model.text().unwrap().labels.names().join(" "))
}

#[test]
fn labels_come_from_wherever_transformers_takes_them() {
    let numbered = "LABEL_0 LABEL_1 LABEL_2";
    for (config, expected) in [
        ("{}", numbered),
        (r#"{"num_labels": 3}"#, numbered),
        (r#"{"label2id": {"O": 0, "PER": 1, "LOC": 2}}"#, numbered),
        (r#"{"id2label": ["O", "PER", "LOC"], "x": [NaN, -Infinity]}"#, "O PER LOC"),
        ("\u{feff}{\"id2label\": {\"0\": \"O\", \"1\": \"A\", \"2\": \"A\"}}", "O A A"),
    ] {
        assert_eq!(loaded(config, true).as_deref(), Ok(expected), "{config}");
    }
    let refused = loaded(r#"{"num_labels": 2}"#, false).unwrap_err();
    assert_eq!(refused, "config.json: 2 labels, but model.onnx gives 3");
    let refused = loaded(r#"{"id2label": {"0": 0, "1": 1, "2": 2}}"#, false).unwrap_err();
    assert_eq!(refused, "config.json: id2label: label 0 is 0; labels must be strings");
}

proptest! {
    /// Whatever the labels are: a token that is not labeled `O` does not stay.
    #[test]
    fn nothing_that_has_a_label_stays_in_the_text(
        names in proptest::collection::vec("(O|[BIESLUMX]-|[A-C]-[BIE]|[BI]-[A-C]-?[A-C]?|[A-C]?)", 1..9),
        places in proptest::collection::vec(0usize..9, 0..20),
    ) {
        prop_assume!(names.iter().all(|name| !name.is_empty()));
        let pipeline = pipeline(&names.join(" "));
        let labels: Vec<usize> = places.iter().map(|place| place % names.len()).collect();
        let spell = |label: &usize| format!("w{label}");
        let text = labels.iter().map(spell).collect::<Vec<_>>().join(" ");
        let request =
            RedactRequest { text, entities: None, placeholder: Some(String::new()), explain: false };
        let redacted = pipeline.redact(request, &mut Usage::default()).unwrap();
        let left: Vec<String> = redacted.text.split_whitespace().map(str::to_owned).collect();
        let outside = labels.iter().filter(|label| names[**label] == "O");
        prop_assert_eq!(left, outside.map(spell).collect::<Vec<_>>());
    }
}
