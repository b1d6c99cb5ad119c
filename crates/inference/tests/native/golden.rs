//! The default model beside what was recorded of it.

use pilotlight_inference::{Alone, InstructionSet, Model, Precision};

use crate::support::{Call, backend, default_file, floats, load, root, together};

/// Token ids and labels.
fn golden() -> Vec<(Vec<i64>, Vec<String>)> {
    let text = std::fs::read_to_string(root().join("tests/golden/pii_ner.jsonl")).unwrap();
    let line = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let list = |name: &str| line[name].as_array().unwrap().clone();
        let ids = list("ids").iter().map(|id| id.as_i64().unwrap()).collect();
        (ids, list("labels").iter().map(|label| label.as_str().unwrap().to_owned()).collect())
    };
    text.lines().map(line).collect()
}

fn names() -> Vec<String> {
    let config = std::fs::read(root().join("models/pii-ner/config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
    let labels = config["id2label"].as_object().unwrap();
    (0..labels.len()).map(|id| labels[&id.to_string()].as_str().unwrap().to_owned()).collect()
}

/// Labels that are those recorded, and all, of every text that `step` leads to.
fn agreement(model: &dyn Model, step: usize) -> (usize, usize) {
    let (names, texts) = (names(), golden());
    let texts: Vec<_> = texts.iter().step_by(step).collect();
    let (mut equal, mut all) = (0, 0);
    // Texts of any length together, a few at once.
    for texts in texts.chunks(7) {
        let calls: Vec<Call> = texts.iter().map(|(ids, _)| Call::of(ids)).collect();
        let outcomes = together(model, &calls, &Alone);
        for ((_, expected), outcome) in texts.iter().zip(outcomes) {
            let logits = floats(&outcome.unwrap()[0]);
            let rows = logits.chunks(names.len()).zip(expected);
            all += expected.len();
            equal += rows.filter(|(row, expected)| names[largest(row)] == **expected).count();
        }
    }
    (equal, all)
}

fn largest(row: &[f32]) -> usize {
    (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap()
}

#[test]
fn labels_in_f32_are_those_recorded() {
    let (equal, all) = agreement(&*load(default_file(), Precision::F32), 1);
    assert_eq!((equal, all), (10_682, 10_682));
}

#[test]
fn few_labels_differ_in_few_bits() {
    for precision in [Precision::Int8, Precision::Int4] {
        let (equal, all) = agreement(&*load(default_file(), precision), 1);
        assert!(equal * 1000 >= all * 994, "{precision}: {equal} of {all}");
    }
}

#[test]
fn labels_are_the_same_on_older_processors() {
    use pilotlight_inference::Backend as _;
    for &set in InstructionSet::ALL {
        // Scalar code takes its time.
        let step = if set == InstructionSet::ALL[0] { 80 } else { 10 };
        let model = backend(set).load("g", default_file(), Precision::F32.into()).unwrap();
        let (equal, all) = agreement(&*model, step);
        assert_eq!(equal, all, "{set}");
    }
}
