//! Long texts: whatever the windows, each token is labeled once, and its label comes from a
//! window that shows it with context.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use pilotlight_guest::text::tokenizer::{Token, Tokenizer};
use pilotlight_testing::tiny_model;
use proptest::prelude::*;

const MAX_LENGTH: usize = 18;

fn tokenizer() -> Tokenizer {
    Tokenizer::load(tiny_model::tokenizer().to_string().as_bytes(), MAX_LENGTH).unwrap()
}

fn tokens(continues: &[bool]) -> Vec<Token> {
    let token = |(index, continues): (usize, &bool)| Token {
        id: 4,
        text: "ada".into(),
        start: index,
        end: index + 1,
        continues: *continues,
        word: None,
    };
    continues.iter().enumerate().map(token).collect()
}

proptest! {
    #[test]
    fn windows_keep_every_token_once_and_fit_the_model(
        continues in proptest::collection::vec(proptest::bool::weighted(0.4), 0..200),
        overlap in 0usize..16,
    ) {
        let tokenizer = tokenizer();
        let tokens = tokens(&continues);
        let windows = tokenizer.windows(&tokens, overlap);
        let mut next = 0;
        for window in &windows {
            prop_assert!(window.seen.len() <= tokenizer.capacity());
            prop_assert!(window.seen.start <= window.kept.start);
            prop_assert!(window.kept.end <= window.seen.end);
            prop_assert_eq!(window.kept.start, next);
            prop_assert!(!window.kept.is_empty());
            next = window.kept.end;
        }
        prop_assert_eq!(next, tokens.len());
    }

    #[test]
    fn seams_fall_between_words_when_words_are_short(
        lengths in proptest::collection::vec(1usize..4, 1..80),
        overlap in 4usize..12,
    ) {
        let continues: Vec<bool> =
            lengths.iter().flat_map(|length| (0..*length).map(|index| index > 0)).collect();
        let tokens = tokens(&continues);
        for window in tokenizer().windows(&tokens, overlap) {
            for place in [window.seen.start, window.kept.start] {
                prop_assert!(!tokens[place].continues, "cut at {}", place);
            }
        }
    }

    #[test]
    fn tokens_lie_in_their_text_in_order(text in "\\PC{0,60}|[adprismet# ]{0,60}") {
        let length = text.chars().count();
        let mut last = 0;
        for token in tokenizer().encode(&text).unwrap() {
            prop_assert!(last <= token.start && token.start <= token.end && token.end <= length);
            last = token.start;
        }
    }
}
