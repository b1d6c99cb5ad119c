//! Redaction over tokenizers of every kind: the text with the entities replaced, each of whole
//! characters, and of whole words where the model found it.

#![no_main]

mod oracle;

use std::collections::BTreeMap;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use pilotlight_guest::model::{TextModel, Usage};
use pilotlight_guest::tasks::token_classification::{RedactRequest, Span};
use pilotlight_guest::text::tokenizer::Tokenizer;
use pilotlight_guest::text::words::Cuts;
use serde_json::Value;

const KINDS: &str = include_str!("../../guest/tests/fixtures/tokenizers.jsonl");
const LABELS: [&str; 3] = ["O", "B-A", "I-A"];

#[derive(Debug, Arbitrary)]
struct Input {
    text: String,
    kind: u8,
    /// Chooses what the model finds.
    seed: u8,
    /// Given by the caller: first code point and length.
    spans: Option<Vec<(u8, u8)>>,
}

/// Finds some tokens, the same ones each time.
fn scores(seed: u8, ids: &[i64]) -> Vec<f32> {
    let scores = |id: &i64| match (*id as u8).wrapping_mul(31) ^ seed {
        0..64 => [0.0, 5.0, 0.0],
        64..96 => [0.0, 0.0, 5.0],
        _ => [5.0, 0.0, 0.0],
    };
    ids.iter().flat_map(scores).collect()
}

thread_local! {
    static PIPELINES: BTreeMap<(usize, u8), TextModel> = pipelines();
}

fn pipelines() -> BTreeMap<(usize, u8), TextModel> {
    let mut pipelines = BTreeMap::new();
    for (kind, line) in KINDS.lines().enumerate() {
        let line: Value = serde_json::from_str(line).expect("a line of JSON");
        for seed in 0..4 {
            let file = line["tokenizer"].to_string();
            let tokenizer = Tokenizer::load(file.as_bytes(), 16).expect("a tokenizer");
            let labels = LABELS.map(str::to_owned).to_vec();
            let oracle = oracle::model(tokenizer, labels, move |ids| scores(seed * 67, ids));
            pipelines.insert((kind, seed), oracle);
        }
    }
    pipelines
}

fuzz_target!(|input: Input| {
    PIPELINES.with(|pipelines| {
        let kinds = KINDS.lines().count();
        let pipeline = &pipelines[&(usize::from(input.kind) % kinds, input.seed % 4)];
        run(pipeline, &input);
    });
});

fn run(pipeline: &TextModel, input: &Input) {
    let text: Vec<char> = input.text.chars().collect();
    let given = input.spans.as_ref().map(|spans| {
        let span = |(start, length): &(u8, u8)| {
            let start = usize::from(*start).min(text.len());
            let end = (start + usize::from(*length)).min(text.len());
            Span { label: "A".into(), start, end, score: 1.0 }
        };
        spans.iter().map(span).collect::<Vec<_>>()
    });
    let request = RedactRequest {
        text: input.text.clone(),
        entities: given.clone(),
        placeholder: Some("\u{1}".into()),
        explain: false,
    };
    let redacted = pipeline.redact(request, &mut Usage::default()).expect("spans in the text");
    let graphemes = Cuts::between_graphemes(&input.text);
    let (mut expected, mut end) = (String::new(), 0);
    for entity in &redacted.entities {
        assert!(end <= entity.start && entity.start < entity.end, "{entity:?}");
        assert_eq!(graphemes.widen(entity.start, entity.end), (entity.start, entity.end));
        expected.extend(&text[end..entity.start]);
        expected.push('\u{1}');
        end = entity.end;
    }
    expected.extend(&text[end..]);
    assert_eq!(expected, redacted.text);
    // Nothing of a given span is left.
    for span in given.iter().flatten().filter(|span| span.start < span.end) {
        let covers = |start: usize, end: usize| start <= span.start && span.end <= end;
        assert!(
            redacted.entities.iter().any(|entity| covers(entity.start, entity.end)),
            "{span:?}"
        );
    }
}
