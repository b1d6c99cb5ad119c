//! Any text has the tokens that the library finds when it is tokenized in one pass.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pilotlight_guest::text::tokenizer::Tokenizer;

static TOKENIZER: LazyLock<Tokenizer> = LazyLock::new(|| {
    let file = include_bytes!("../../models/pii-ner/tokenizer.json");
    Tokenizer::load(file, 512).expect("it is the default model's tokenizer")
});

fuzz_target!(|text: &str| {
    let library = TOKENIZER.encode_by_library(text).expect("it tokenizes any text");
    assert_eq!(TOKENIZER.encode(text).expect("it tokenizes any text"), library);
});
