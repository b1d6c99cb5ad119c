//! The table itself.

use std::collections::BTreeSet;

use pilotlight_recognizers::{Recognizer, RecognizerOptions, Recognizers, recognizers};

use crate::all;

#[test]
fn names_are_unique_and_every_row_names_its_source_and_an_example() {
    let mut names = BTreeSet::new();
    for Recognizer { name, label, source, examples, context, plausible, valid, .. } in recognizers()
    {
        assert!(names.insert(name), "{name} twice");
        assert!(!source.is_empty() && !examples.is_empty(), "{name}");
        assert!(
            name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'),
            "{name}"
        );
        assert!(
            label.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'),
            "{label}"
        );
        assert!((0.0..=1.0).contains(plausible) && (0.0..=1.0).contains(valid), "{name}");
        assert!(context.iter().all(|word| word.to_lowercase() == **word), "{name}");
        let needs_context = plausible.max(*valid) < 0.5;
        assert!(!needs_context || !context.is_empty(), "{name} can never be found");
    }
}

#[test]
fn every_example_is_found_as_a_whole_at_any_place_of_a_text() {
    let mut missed = Vec::new();
    for row in recognizers() {
        let context = row.context.first().copied().unwrap_or_default();
        for example in row.examples {
            for text in [
                format!("{context}: {example}"),
                format!("{context} {example}, then"),
                format!("é😀 {context} “{example}”."),
                format!("{context} 我的{example}。"),
                format!("\"{context}\": \"{example}\"\n"),
            ] {
                let is_it = |finding: &pilotlight_recognizers::Finding| {
                    finding.recognizer == row.name && &text[finding.bytes.clone()] == *example
                };
                if !all().find(&text).iter().any(is_it) {
                    missed.push(format!("{}: {text:?}", row.name));
                }
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn a_wrong_check_digit_is_no_finding() {
    for row in recognizers().filter(|row| row.plausible == 0.0) {
        for example in row.examples {
            let last = example.rfind(|c: char| c.is_ascii_alphanumeric()).unwrap();
            let is_digit = example[last..].starts_with(|c: char| c.is_ascii_digit());
            let others = if is_digit { '0'..='9' } else { 'A'..='Z' };
            let accepted = others.filter(|other| {
                let wrong = format!("{}{other}{}", &example[..last], &example[last + 1..]);
                let context = row.context.first().copied().unwrap_or_default();
                let text = format!("{context} {wrong} ");
                all().find(&text).iter().any(|finding| {
                    finding.recognizer == row.name && text[finding.bytes.clone()] == *wrong
                })
            });
            // Medicare's last digit is no check digit, and that of machine-readable zones covers all.
            let unchecked =
                ["au_medicare", "passport_mrz", "base58_address", "za_id"].contains(&row.name);
            let count = accepted.count();
            assert!(count == 1 || unchecked, "{}: {count} last digits of {example}", row.name);
        }
    }
}

#[test]
fn all_patterns_fit_into_the_options() {
    let options = RecognizerOptions::default();
    let labels = Recognizers::new(&options).unwrap();
    assert_eq!(labels.labels(), options.all_labels());
}
