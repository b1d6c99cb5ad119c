//! Tokenizes a fixed text. `cargo xtask instructions` counts the instructions of `measured`.

use std::hint::black_box;
use std::path::Path;

use pilotlight_guest::text::tokenizer::{Token, Tokenizer, TokenizerError};

const TEXT: &str = "My name is Sarah Connor and I live at 42 Elm Street, Springfield. Call me at 555-0134 or \
                    write to sarah.connor@example.com about invoice 7781. Überweisen Sie 120 € an Jürgen \
                    Müller, IBAN DE89 3704 0044 0532 0130 00. 我的名字是王小明。";
const MAX_LENGTH: usize = 512;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/pii-ner/tokenizer.json");
    let tokenizer = Tokenizer::load(&std::fs::read(file)?, MAX_LENGTH)?;
    // Fills caches.
    tokenizer.encode(TEXT)?;
    let tokens = measured(&tokenizer, black_box(TEXT))?;
    println!("{} tokens", tokens.len());
    Ok(())
}

#[inline(never)]
fn measured(tokenizer: &Tokenizer, text: &str) -> Result<Vec<Token>, TokenizerError> {
    black_box(tokenizer.encode(text))
}
