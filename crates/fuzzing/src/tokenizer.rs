//! Any file as a tokenizer: it is refused, or it works on any text.

use pilotlight_guest::text::tokenizer::Tokenizer;

const MAX_LENGTH: usize = 32;
const TEXTS: [&str; 4] =
    ["", "Ada met Bob, Jose\u{301}", "\u{1f600} a\r\n\t漢字 <unk>[UNK] x", "aaaa ##a 12345"];

/// Runs the target.
pub fn run(file: &[u8]) {
    let Ok(tokenizer) = Tokenizer::load(file, MAX_LENGTH) else { return };
    for text in TEXTS {
        let Ok(tokens) = tokenizer.encode(text) else { continue };
        let length = text.chars().count();
        for token in &tokens {
            assert!(token.start <= token.end && token.end <= length, "{token:?}");
        }
        for window in tokenizer.windows(&tokens, MAX_LENGTH / 8) {
            assert!(window.seen.len() <= tokenizer.capacity(), "{window:?}");
        }
        tokenizer.decode(tokens.into_iter().map(|token| token.text).collect());
    }
}
