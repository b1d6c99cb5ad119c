//! Any text and any spans: what is redacted is the text with exactly the grapheme clusters of the
//! spans replaced.

use std::collections::BTreeSet;

use arbitrary::Arbitrary;
use pilotlight_guest::tasks::token_classification::redact::{Touching, redact, replace};
use pilotlight_guest::tasks::token_classification::{Redacted, Span};
use pilotlight_model::Labels;
use unicode_segmentation::UnicodeSegmentation as _;

#[derive(Debug, Arbitrary)]
pub struct Input {
    text: String,
    /// The model's labels.
    names: Vec<String>,
    /// A label of the model, where a span begins, how long it is.
    spans: Vec<(u8, u8, u8)>,
    placeholder: Option<String>,
    touching: bool,
}

/// Runs the target.
pub fn run(input: Input) {
    let labels = Labels::new(input.names.clone());
    every_label_has_a_group(&labels);
    // Some begin or end after the text.
    let beyond = input.text.chars().count() + 2;
    let label = |index: u8| input.names.get(usize::from(index) % input.names.len().max(1));
    let span = |(index, start, length): &(u8, u8, u8)| {
        let start = usize::from(*start) % beyond;
        let end = start + usize::from(*length) % beyond;
        Span { label: label(*index).cloned().unwrap_or_default(), start, end, score: 0.5 }
    };
    let spans: Vec<Span> = input.spans.iter().map(span).collect();
    let placeholder = input.placeholder.as_deref();
    let touching = if input.touching { Touching::Joined } else { Touching::Separate };
    check(&input, &spans, redact(&input.text, spans.clone(), placeholder).ok(), true);
    let replaced = replace(&input.text, spans.clone(), placeholder, touching).ok();
    check(&input, &spans, replaced, input.touching);
}

fn every_label_has_a_group(labels: &Labels) {
    for (index, name) in labels.names().iter().enumerate() {
        match labels.entity(index) {
            None => assert_eq!(name, "O"),
            Some((_, group)) => {
                assert!(name.starts_with(group) || name.ends_with(group), "{name:?}: {group:?}");
                assert_eq!(labels.resolve(group), Some(group));
            }
        }
    }
}

fn check(input: &Input, spans: &[Span], redacted: Option<Redacted>, joined: bool) {
    let text: Vec<char> = input.text.chars().collect();
    let lie_in_it = spans.iter().all(|span| span.end <= text.len());
    assert_eq!(redacted.is_some(), lie_in_it);
    let Some(Redacted { text: found, entities }) = redacted else { return };
    let placeholder = input.placeholder.as_deref().unwrap_or("[{label}]");
    let labels: BTreeSet<&str> = spans.iter().map(|span| &span.label[..]).collect();
    let (mut expected, mut end, mut before) = (String::new(), 0, None);
    let mut replaced = vec![false; text.len()];
    for entity in &entities {
        let label = entity.entity_group.as_deref().expect("redaction names groups");
        assert!(end <= entity.start && entity.start < entity.end, "{entity:?}");
        assert!(
            !joined || end < entity.start || before != Some(label),
            "{entity:?} touches another of its label"
        );
        let known = |label: &str| labels.iter().any(|known| known.ends_with(label));
        assert!(known(label) && entity.also_labels.iter().all(|label| known(label)), "{entity:?}");
        expected.extend(&text[end..entity.start]);
        expected.push_str(&placeholder.replace("{label}", label));
        replaced[entity.start..entity.end].fill(true);
        let word: String = text[entity.start..entity.end].iter().collect();
        assert_eq!(entity.word, word);
        (end, before) = (entity.end, Some(label));
    }
    expected.extend(&text[end..]);
    assert_eq!(found, expected);
    // A span that ends within a grapheme cluster takes all of it.
    let clusters: Vec<usize> = input
        .text
        .graphemes(true)
        .enumerate()
        .flat_map(|(index, cluster)| cluster.chars().map(move |_| index))
        .collect();
    let meant = |place: usize| {
        let covers = |span: &Span| {
            (span.start..span.end).any(|covered| clusters[covered] == clusters[place])
        };
        spans.iter().any(covers)
    };
    assert!(replaced.iter().enumerate().all(|(place, replaced)| meant(place) == *replaced));
}
