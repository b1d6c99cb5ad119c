//! Tokenizes for BERT (WordPiece after `BertNormalizer` and `BertPreTokenizer`) in one pass, with the tokens of the library.
//! Each character has a class, because normalization does not depend on its neighbors. Texts with other characters, or
//! with added tokens, go to the library. Used by `text`.

mod characters;
mod pieces;

use std::ops::Range;

use tokenizers::Model as _;
use tokenizers::models::ModelWrapper;
use tokenizers::processors::PostProcessorWrapper;

use super::tokenizer_file::Inner;
use characters::{Character, Characters};
use pieces::{Piece, Pieces};

/// Such a tokenizer.
pub(super) struct WordPiece {
    characters: Characters,
    pieces: Pieces,
    unknown: u32,
    /// The most characters of a word that is not unknown as a whole.
    longest_word: usize,
    /// Texts that have one of them are left to the library.
    added: Vec<String>,
}

/// A token of a text.
pub(super) struct Found<'a> {
    /// Vocabulary index.
    pub(super) id: u32,
    /// As the vocabulary has it; `None` where it is unknown.
    pub(super) piece: Option<&'a str>,
    /// The code points that it stands for.
    pub(super) places: Range<usize>,
    /// Its word, counted from 0.
    pub(super) word: u32,
}

/// A word as it is normalized. Its memory is used again for the next.
#[derive(Default)]
struct Word {
    /// Counted from 0.
    number: u32,
    text: String,
    /// For each byte of the text the code point that it comes from.
    origins: Vec<usize>,
    /// The pieces that it is split into.
    pieces: Vec<(u32, Range<usize>)>,
}

impl Word {
    fn push(&mut self, part: &str, origin: usize) {
        self.text.push_str(part);
        self.origins.resize(self.text.len(), origin);
    }

    /// The code points that some bytes come from.
    fn places(&self, bytes: Range<usize>) -> Range<usize> {
        self.origins[bytes.start]..self.origins[bytes.end - 1] + 1
    }
}

impl WordPiece {
    /// `None` where the tokenizer is of another kind.
    pub(super) fn new(tokenizer: &Inner) -> Option<Self> {
        let ModelWrapper::WordPiece(model) = tokenizer.get_model() else { return None };
        let changes_nothing = match tokenizer.get_post_processor() {
            None | Some(PostProcessorWrapper::Bert(_) | PostProcessorWrapper::Template(_)) => true,
            Some(_) => false,
        };
        let normalizer = tokenizer.get_normalizer().and_then(|steps| steps.as_bert())?;
        let pre_tokenizer = tokenizer.get_pre_tokenizer().and_then(|steps| steps.as_bert())?;
        let added = tokenizer.get_added_vocabulary().get_added_tokens_decoder();
        let as_they_are = added.iter().all(|(id, token)| {
            let own = model.id_to_token(*id);
            !token.normalized && own.is_none_or(|own| own == token.content)
        });
        if !changes_nothing || !as_they_are {
            return None;
        }
        Some(Self {
            characters: Characters::new(normalizer, pre_tokenizer),
            pieces: Pieces::new(model.get_vocab(), &model.continuing_subword_prefix)?,
            unknown: model.token_to_id(&model.unk_token)?,
            longest_word: model.max_input_chars_per_word,
            added: added.values().map(|token| token.content.clone()).collect(),
        })
    }

    /// Hands on the tokens of `text` in order; `None` where the library has to find them. What was handed on
    /// until then does not count.
    pub(super) fn encode<'a>(&'a self, text: &str, mut take: impl FnMut(Found<'a>)) -> Option<()> {
        if self.added.iter().any(|token| text.contains(&token[..])) {
            return None;
        }
        let mut word = Word::default();
        for (place, (start, c)) in text.char_indices().enumerate() {
            match self.characters.get(c, &text[start..start + c.len_utf8()])? {
                Character::Part(part) => word.push(part, place),
                Character::Space => self.finish(&mut word, &mut take),
                Character::Word(part) => {
                    self.finish(&mut word, &mut take);
                    word.push(part, place);
                    self.finish(&mut word, &mut take);
                }
            }
        }
        self.finish(&mut word, &mut take);
        Some(())
    }

    /// Hands on the tokens of a word, and begins the next.
    fn finish<'a>(&'a self, word: &mut Word, take: &mut impl FnMut(Found<'a>)) {
        if word.text.is_empty() {
            return;
        }
        // Characters have a byte at least.
        let fits =
            word.text.len() <= self.longest_word || word.text.chars().count() <= self.longest_word;
        if fits && self.pieces.split(&word.text, &mut word.pieces) {
            for (piece, bytes) in &word.pieces {
                let Piece { id, text } = self.pieces.get(*piece);
                let piece = (id != self.unknown).then_some(text);
                let places = word.places(bytes.clone());
                take(Found { id, piece, places, word: word.number });
            }
        } else {
            let places = word.places(0..word.text.len());
            take(Found { id: self.unknown, piece: None, places, word: word.number });
        }
        word.text.clear();
        word.origins.clear();
        word.number += 1;
    }
}
