//! Whatever is read, nothing breaks, and every error has a location in the text.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::path::Path;

use pilotlight_config::{Config, Location, Sources, check};
use proptest::prelude::*;

fn sample() -> String {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    std::fs::read_to_string(docs.join("pilotlight.toml")).unwrap()
}

/// Every location of an error is in the text.
fn locations_are_in_the_text(text: &str, sources: &Sources) {
    let Err(diagnostics) = check(text, sources) else { return };
    assert!(!diagnostics.all().is_empty());
    for diagnostic in diagnostics {
        assert!(!diagnostic.message.is_empty(), "{diagnostic:?}");
        let Location::Line { line, column } = diagnostic.location else { continue };
        let found = text.split('\n').nth(line - 1);
        let length = found.unwrap_or_else(|| panic!("{diagnostic:?}")).chars().count();
        assert!((1..=length + 1).contains(&column), "{diagnostic:?}");
    }
}

fn words() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("\n"),
        Just(" = "),
        Just("."),
        Just("["),
        Just("]"),
        Just("[["),
        Just("]]"),
        Just("{"),
        Just("}"),
        Just(","),
        Just("routes"),
        Just("functions"),
        Just("ner"),
        Just("to"),
        Just("target"),
        Just("'ner'"),
        Just("env"),
        Just("pool"),
        Just("1"),
        Just("-9999999999999999999999999999999999999999999"),
        Just("nan"),
        Just("true"),
        Just("1979-05-27"),
        Just("\"ä\""),
        Just("sticky"),
        Just("header"),
        Just("source"),
    ];
    proptest::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in any::<String>()) {
        locations_are_in_the_text(&text, &Sources::default());
    }

    #[test]
    fn any_words_in_any_order_are_read_without_panic(text in words()) {
        locations_are_in_the_text(&text, &Sources::default());
    }

    #[test]
    fn a_sample_with_a_hole_or_a_blot_is_read_without_panic(
        at in any::<prop::sample::Index>(), length in 0usize..60, blot in ".{0,3}",
    ) {
        let mut text = sample();
        let start = text.floor_char_boundary(at.index(text.len()));
        let end = text.floor_char_boundary(start + length);
        text.replace_range(start..end, &blot);
        locations_are_in_the_text(&text, &Sources::default());
    }

    #[test]
    fn any_flag_and_variable_is_read_without_panic(
        key in "[a-z.\\[\\]0-9_-]{0,20}", name in "[A-Z0-9_]{0,30}", value in any::<String>(),
    ) {
        let sources = Sources {
            flags: vec![format!("{key}={value}"), format!("routes[1].{key}={value}")],
            variables: vec![
                (format!("PILOTLIGHT__{name}"), value.clone()),
                (format!("PILOTLIGHT__FUNCTIONS__NER__{name}"), value),
            ],
            ..Sources::default()
        };
        locations_are_in_the_text(&sample(), &sources);
    }

    #[test]
    fn a_flag_says_what_the_file_could_have_said(ready: u32, most in 1u32..=4096) {
        let ready = ready % (most + 1);
        let text = |keys: &str| format!("[functions.ner]\nsource = 'ner'\n{keys}");
        let file = text(&format!("pool = {{ min-ready = {ready}, max-instances = {most} }}"));
        let flags = vec![
            format!("functions.ner.pool.min-ready={ready}"),
            format!("functions.ner.pool.max-instances={most}"),
        ];
        let flagged = Sources { flags, ..Sources::default() };
        let written = Config::parse(&file, &Sources::default()).unwrap();
        prop_assert_eq!(Config::parse(&text(""), &flagged).unwrap(), written);
    }
}
