//! `pilotlight build` takes the smallest precision whose answers are those of f32, as each task compares answers.

use std::path::Path;

use pilotlight_testing::pipelines::model;
use pilotlight_tests::{outcome, pilotlight, root};
use serde_json::{Value, json};

const CORPUS: &str = "host/src/bin/pilotlight/build/corpus.txt";
/// Texts that answers are compared on.
const TEXTS: usize = 20;

/// The manifest of a component that is built of a tiny model.
fn built(name: &str, arguments: &[&str], folder: &Path) -> Value {
    let corpus = folder.join("corpus.txt");
    let texts = std::fs::read_to_string(root().join(CORPUS)).unwrap();
    let mut texts: Vec<&str> = texts.lines().collect();
    // The models read at most 64 of their short tokens.
    texts.sort_by_key(|text| text.len());
    std::fs::write(&corpus, texts[..TEXTS].join("\n")).unwrap();
    let file = folder.join("out.wasm");
    let mut build = pilotlight(&["build"]);
    build.arg(model(name)).arg("--corpus").arg(corpus).arg("-o").arg(&file).args(arguments);
    let (code, log) = outcome(&mut build);
    assert_eq!(code, 0, "{name}: {log}");
    let output = pilotlight(&["inspect", "--json", file.to_str().unwrap()]).output().unwrap();
    let inspection: Value = serde_json::from_slice(&output.stdout).unwrap();
    inspection["manifest"].clone()
}

fn check(name: &str, measure: &str, threshold: f64) {
    let folder = tempfile::tempdir().unwrap();
    let int8 = built(name, &["--precision", "int8"], folder.path());
    assert_eq!(int8["precision"], "int8", "{name}");
    let compared = &int8["accuracy_check"];
    assert_eq!(compared["measure"], measure, "{name}: {compared}");
    assert_eq!(compared["threshold"], threshold, "{name}: {compared}");
    let agreement = &int8["agreement"];
    assert_eq!(agreement["measure"], measure, "{name}: {agreement}");
    assert_eq!(agreement["texts"], TEXTS, "{name}: {agreement}");
    assert!(agreement["values"].as_u64().unwrap() >= TEXTS as u64, "{name}: {agreement}");
    let share = agreement["share"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&share), "{name}: {agreement}");
    // What is asked for is built whatever it costs; unasked, only what agrees well enough.
    let unasked = built(name, &[], folder.path());
    if share >= threshold {
        assert_eq!(unasked["precision"], "int8", "{name}: {agreement}");
        assert_eq!(unasked["agreement"], *agreement, "{name}");
    } else {
        assert_eq!(unasked["precision"], "f32", "{name}: {agreement}");
        assert_eq!(unasked["agreement"], json!(null), "{name}");
    }
    assert_eq!(unasked["accuracy_check"], *compared, "{name}");
}

#[test]
fn vectors_are_compared_by_their_cosine() {
    check("mpnet-sentence-embeddings", "cosine", 0.999);
}

#[test]
fn ranks_are_compared_by_their_order() {
    check("electra-reranking", "order", 0.995);
}

#[test]
fn tokens_in_gaps_are_compared_for_being_the_same() {
    check("roberta-fill-mask", "equal", 0.98);
}
