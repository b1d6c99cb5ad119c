//! Any text has the tokens that the library finds when it is tokenized in one pass.

use std::sync::LazyLock;

use pilotlight_guest::text::tokenizer::Tokenizer;

static TOKENIZER: LazyLock<Tokenizer> = LazyLock::new(|| {
    let file = include_bytes!("../../../models/pii-ner/tokenizer.json");
    Tokenizer::load(file, 512).expect("it is the default model's tokenizer")
});

/// Runs the target.
pub fn run(text: &str) {
    let library = TOKENIZER.encode_by_library(text).expect("it tokenizes any text");
    assert_eq!(TOKENIZER.encode(text).expect("it tokenizes any text"), library);
}
