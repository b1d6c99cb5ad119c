//! Any body of a request with a list of texts: its parts hold all texts once and all that stands beside them,
//! and answers that are joined are those of the parts.

use pilotlight_wire::split::{List, Split, join};
use serde_json::{Value, json};

/// Runs the target.
pub fn run(input: &[u8]) {
    let Some((count, body)) = input.split_first() else { return };
    for key in ["inputs", "inputs.texts"] {
        let split = Split {
            texts: key.to_owned(),
            index: Some("index".to_owned()),
            limits: vec!["top_n".to_owned()],
            ..Split::default()
        };
        check(&split, body, usize::from(*count));
    }
    // Any bytes for an answer.
    let ranks = Split { sorted_by: Some("score".to_owned()), ..Split::default() };
    let _ = join(&ranks, None, &[(0, body), (1, body)]);
}

fn check(split: &Split, body: &[u8], count: usize) {
    let Some(list) = List::read(split, body) else { return };
    let texts = list.len();
    let Some(parts) = list.parts(split, count) else { return };
    assert!(parts.len() <= count.max(1));
    let pointer = format!("/{}", split.texts.replace('.', "/"));
    let mut answers = Vec::new();
    for part in &parts {
        let request: Value = serde_json::from_slice(&part.body).expect("a part is JSON");
        let found = request.pointer(&pointer).and_then(Value::as_array).expect("a part has texts");
        assert_eq!(found.len(), part.texts.len());
        let answer = (0..found.len()).map(|index| json!({ "index": index })).collect::<Value>();
        answers.push((part.texts.start, answer.to_string()));
    }
    let answers: Vec<_> = answers.iter().map(|(first, json)| (*first, json.as_bytes())).collect();
    let joined = join(split, None, &answers).expect("answers of this kind are joined");
    let joined: Value = serde_json::from_slice(&joined).expect("a joined answer is JSON");
    let expected = (0..texts).map(|index| json!({ "index": index })).collect::<Value>();
    assert_eq!(joined, expected);
}
