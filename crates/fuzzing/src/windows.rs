//! Texts of any length and alphabet on their way through windows to entities and back: whatever the
//! model says, places are those of the text.

use arbitrary::Arbitrary;
use pilotlight_guest::model::{TextModel, Usage};
use pilotlight_guest::tasks::token_classification::{Aggregation, Parameters, RedactRequest};
use pilotlight_guest::text::tokenizer::Tokenizer;

use crate::oracle;

const LABELS: [&str; 5] = ["O", "B-A", "I-A", "B-B", "I-B"];
/// So that short texts have several windows.
const MAX_LENGTH: usize = 8;
const TOKENIZER: &[u8] = include_bytes!("../../../models/pii-ner/tokenizer.json");

#[derive(Debug, Arbitrary)]
pub struct Input {
    texts: Vec<String>,
    stride: Option<u8>,
    aggregation: u8,
    /// Chooses what the model says of a token.
    seed: u32,
}

/// Says anything, but always the same of the same token at the same place.
fn scores(seed: u32, ids: &[i64]) -> Vec<f32> {
    assert!(ids.len() <= MAX_LENGTH);
    let score = |(place, id): (usize, &i64)| {
        let mixed = (seed ^ *id as u32).wrapping_mul(0x9e37_79b1) ^ place as u32;
        (0..LABELS.len() as u32).map(move |label| (mixed.rotate_left(7 * label) % 97) as f32)
    };
    ids.iter().enumerate().flat_map(score).collect()
}

fn tokenizer() -> Tokenizer {
    Tokenizer::load(TOKENIZER, MAX_LENGTH).expect("the default model has a tokenizer")
}

thread_local! {
    static PIPELINES: Vec<TextModel> = (0..4)
        .map(|seed| {
            let labels = LABELS.map(str::to_owned).to_vec();
            oracle::model(tokenizer(), labels, move |ids| scores(seed, ids))
        })
        .collect();
}

/// Runs the target.
pub fn run(input: Input) {
    PIPELINES.with(|pipelines| check(&pipelines[input.seed as usize % pipelines.len()], &input));
}

fn check(pipeline: &TextModel, input: &Input) {
    let texts: Vec<&str> = input.texts.iter().map(String::as_str).collect();
    let strategies = [Aggregation::None, Aggregation::Simple, Aggregation::First, Aggregation::Max];
    let parameters = Parameters {
        aggregation_strategy: strategies[usize::from(input.aggregation) % strategies.len()],
        ignore_labels: Vec::new(),
        stride: input.stride.map(usize::from),
    };
    let mut usage = Usage::default();
    if let Ok(answers) = pipeline.classify(&texts, &parameters, &mut usage) {
        assert_eq!(answers.len(), texts.len());
        for (text, entities) in texts.iter().zip(answers) {
            let (length, mut last) = (text.chars().count(), 0);
            for entity in entities {
                assert!(last <= entity.start && entity.start <= entity.end, "{entity:?}");
                assert!(entity.end <= length && (0.0..=1.0).contains(&entity.score), "{entity:?}");
                last = entity.start;
            }
        }
    }
    for text in texts {
        redact(pipeline, text, &mut usage);
    }
}

/// Everything but the entities stays, in its order.
fn redact(pipeline: &TextModel, text: &str, usage: &mut Usage) {
    let request = RedactRequest {
        text: text.to_owned(),
        entities: None,
        placeholder: Some(String::new()),
        explain: false,
    };
    let redacted = pipeline.redact(request, usage).expect("what was found lies in the text");
    let (mut left, mut end) = (String::new(), 0);
    for entity in &redacted.entities {
        assert!(end <= entity.start && entity.start < entity.end, "{entity:?}");
        left.extend(text.chars().skip(end).take(entity.start - end));
        end = entity.end;
    }
    left.extend(text.chars().skip(end));
    assert_eq!(left, redacted.text);
}
