//! Converts texts to tokens: the tokenizer, special tokens, windows, truncation and words.
//! Used by `model` and `tasks`. Does not know graphs or labels.

mod frame;
pub mod steps;
pub mod tokenizer;
pub mod tokenizer_file;
mod truncation;
mod word_piece;
pub mod words;

pub(crate) use tokenizer::CodePoints;
pub use tokenizer::{Piece, Token, Tokenizer, TokenizerError, Window, Words};
pub use truncation::Truncation;
