//! Text to token ids with their places in the text, and windows over them.

use std::cell::OnceCell;
use std::ops::Range;

use tokenizers::models::ModelWrapper;
use tokenizers::{Decoder as _, Encoding, Model as _, OffsetType, PreTokenizer as _};

use super::frame::{Frame, PairFrame};
use super::steps::{PreTokenizing, Watched};
use super::tokenizer_file::{self, FileError, Inner, Read};
use super::word_piece::{Found, WordPiece};
use crate::engine::Sequence;

/// A Hugging Face tokenizer, without the padding, truncation and dropout its file may ask for.
pub struct Tokenizer {
    inner: Inner,
    /// Finds the same tokens in less time.
    word_piece: Option<WordPiece>,
    frame: Frame,
    /// None where the post-processor knows no pairs.
    pair_frame: Option<PairFrame>,
    unknown: Option<u32>,
    /// Marks a token that continues a word, such as `##`; `None` where words are told apart
    /// by white space instead.
    continuation: Option<String>,
    words: Words,
    capacity: usize,
}

/// What the words of a tokenizer are, as far as [`Token::word`] tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// Parts of the text that its pieces do not go beyond, such as `Ada`, `##la`.
    Parted,
    /// Whatever stands between two spaces, which its pieces hold: perhaps a sentence.
    Spaced,
}

/// The tokenizer was refused, or failed on a text.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// The file is no tokenizer.
    #[error(transparent)]
    File(#[from] FileError),
    /// The special tokens leave no room for text.
    #[error("{special} special tokens leave no room in a window of {max_length}")]
    Window {
        /// Special tokens around each text.
        special: usize,
        /// The model's window in tokens.
        max_length: usize,
    },
    /// A text could not be encoded.
    #[error("the text cannot be tokenized: {0}")]
    Encode(String),
    /// Tokens could not be put together.
    #[error("tokens cannot be decoded: {0}")]
    Decode(String),
}

/// A token of a text, special tokens left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Vocabulary index.
    pub id: u32,
    /// Its text in the vocabulary, such as `##on`; the text itself where it is unknown.
    pub text: String,
    /// First code point of the text it stands for.
    pub start: usize,
    /// One past the last code point.
    pub end: usize,
    /// Whether it continues the word of the token before it, as `transformers` guesses.
    pub continues: bool,
    /// The word that the pre-tokenizer took it from, counted from 0; `None` where it has none.
    pub word: Option<u32>,
}

/// A token as the tokenizer tells it, special ones included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Vocabulary index.
    pub id: u32,
    /// The part of the text it stands for; of a special token its own text.
    pub text: String,
    /// The bytes of that part; `None` of a special token.
    pub range: Option<Range<usize>>,
}

/// A stretch of tokens that is run through the model at once, and the part of it whose
/// result is kept. The kept parts follow each other without gap or overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Tokens the model sees.
    pub seen: Range<usize>,
    /// Tokens whose labels are taken from this window.
    pub kept: Range<usize>,
}

impl Tokenizer {
    /// Reads a `tokenizer.json` for a model that sees `max_length` tokens at once.
    ///
    /// # Errors
    /// [`TokenizerError`] when the file or the window does not fit.
    pub fn load(file: &[u8], max_length: usize) -> Result<Self, TokenizerError> {
        let Read { tokenizer: inner, unigram_unknown } = tokenizer_file::read(file)?;
        let frame = Frame::of(&inner).map_err(|error| FileError::Malformed(error.to_string()))?;
        let special = frame.special();
        let capacity = max_length.saturating_sub(special);
        if capacity == 0 {
            return Err(TokenizerError::Window { special, max_length });
        }
        let (unknown, continuation) = word_pieces(&inner, unigram_unknown);
        let parted = continuation.is_some()
            || inner.get_pre_tokenizer().is_some_and(PreTokenizing::parts_words);
        let words = if parted { Words::Parted } else { Words::Spaced };
        let pair_frame = PairFrame::of(&inner).ok().flatten();
        let word_piece = WordPiece::new(&inner);
        Ok(Self { inner, word_piece, frame, pair_frame, unknown, continuation, words, capacity })
    }

    /// What its words are.
    pub fn words(&self) -> Words {
        self.words
    }

    /// One more than the largest token id, added tokens included.
    pub fn vocabulary(&self) -> usize {
        let largest = self.inner.get_vocab(true).into_values().max();
        largest.map_or(0, |id| id as usize + 1)
    }

    /// Tokens of text that fit a window beside the special tokens.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Tokenizes `text`.
    ///
    /// # Errors
    /// [`TokenizerError::Encode`] with what the tokenizer said.
    pub fn encode(&self, text: &str) -> Result<Vec<Token>, TokenizerError> {
        match self.word_piece.as_ref().and_then(|tokenizer| words(tokenizer, text)) {
            Some(tokens) => Ok(tokens),
            None => self.encode_by_library(text),
        }
    }

    /// What [`Self::encode`] does for any tokenizer.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub fn encode_by_library(&self, text: &str) -> Result<Vec<Token>, TokenizerError> {
        let encoding = self.encoding(text, OffsetType::Char, false);
        let encoding = encoding.map_err(|error| TokenizerError::Encode(error.to_string()))?;
        let text = CodePoints::new(text);
        Ok((0..encoding.len()).map(|index| self.token(&encoding, index, &text)).collect())
    }

    /// Tokenizes `text`, with special tokens around it if `special`.
    ///
    /// # Errors
    /// [`TokenizerError::Encode`] with what the tokenizer said.
    pub fn pieces(&self, text: &str, special: bool) -> Result<Vec<Piece>, TokenizerError> {
        let encoding = self.encoding(text, OffsetType::Byte, special);
        let encoding = encoding.map_err(|error| TokenizerError::Encode(error.to_string()))?;
        let piece = |index: usize| {
            let id = encoding.get_ids()[index];
            if encoding.get_special_tokens_mask()[index] == 1 {
                return Piece { id, text: encoding.get_tokens()[index].clone(), range: None };
            }
            let (start, end) = encoding.get_offsets()[index];
            // Byte-level tokens may hold a part of a character.
            let part = text.as_bytes().get(start..end).unwrap_or_default();
            let text = String::from_utf8_lossy(part).into_owned();
            Piece { id, text, range: Some(start..end) }
        };
        Ok((0..encoding.len()).map(piece).collect())
    }

    /// As the library does it, but no failure of a normalizer is passed over.
    fn encoding(
        &self,
        text: &str,
        offsets: OffsetType,
        special: bool,
    ) -> tokenizers::Result<Encoding> {
        let normalizer = self.inner.get_normalizer().map(Watched::new);
        let vocabulary = self.inner.get_added_vocabulary();
        let mut pieces = vocabulary.extract_and_normalize(normalizer.as_ref(), text);
        normalizer.map_or(Ok(()), Watched::finish)?;
        if let Some(pre_tokenizer) = self.inner.get_pre_tokenizer() {
            pre_tokenizer.pre_tokenize(&mut pieces)?;
        }
        self.inner.get_model().tokenize_in_pretokenized(&mut pieces, None)?;
        let encoding = pieces.into_encoding(None, 0, offsets)?;
        self.inner.post_process(encoding, None, special)
    }

    fn token(&self, encoding: &Encoding, index: usize, text: &CodePoints<'_>) -> Token {
        let (id, (start, end)) = (encoding.get_ids()[index], encoding.get_offsets()[index]);
        // Odd normalizers give places that do not lie in the text.
        let end = end.min(text.len());
        let start = start.min(end);
        let word = encoding.get_word_ids()[index];
        if self.unknown == Some(id) {
            let text = text.slice(start, end).to_owned();
            return Token { id, text, start, end, continues: false, word };
        }
        // Not the encoding's own text: that of an added token is as it stands in the input.
        let piece = self.inner.id_to_token(id);
        let piece = piece.unwrap_or_else(|| encoding.get_tokens()[index].clone());
        let continues = match &self.continuation {
            Some(_) => piece.chars().count() != end - start,
            None => start > 0 && !text.slice(start - 1, start + 1).contains(' '),
        };
        Token { id, text: piece, start, end, continues, word }
    }

    /// The text that a run of tokens spells.
    pub fn decode(&self, pieces: Vec<String>) -> String {
        if pieces.is_empty() {
            // Decoders of `tokenizers` expect a last piece.
            return String::new();
        }
        let joined = pieces.join(" ");
        match self.inner.get_decoder() {
            Some(decoder) => decoder.decode(pieces).unwrap_or(joined),
            None => joined,
        }
    }

    /// Covers `tokens` with windows that share `overlap` tokens, cut between words where the
    /// words are short enough. `overlap` is less than [`Tokenizer::capacity`].
    pub fn windows(&self, tokens: &[Token], overlap: usize) -> Vec<Window> {
        let mut windows: Vec<Window> = Vec::new();
        let mut start = 0;
        while start < tokens.len() {
            let full = (start + self.capacity).min(tokens.len());
            let seen_until = windows.last().map_or(start, |last| last.seen.end);
            let end = if full == tokens.len() { full } else { cut(tokens, seen_until..full, full) };
            let mut kept_from = start;
            if let Some(last) = windows.last_mut().filter(|last| start < last.seen.end) {
                // The seam lies in the middle of the overlap: each side has context.
                let floor = start.max(last.kept.start);
                let middle = start.midpoint(last.seen.end).max(floor + 1);
                kept_from = cut(tokens, floor..last.seen.end, middle);
                last.kept.end = kept_from;
            }
            windows.push(Window { seen: start..end, kept: kept_from..end });
            if end == tokens.len() {
                break;
            }
            let next = end.saturating_sub(overlap).max(start + 1);
            start = cut(tokens, start..end, next);
        }
        windows
    }

    /// The sequence that the model sees for a run of tokens.
    pub fn sequence(&self, tokens: &[Token]) -> Sequence {
        self.frame.around(&ids(tokens))
    }

    /// The sequence that the model sees for two runs of tokens; `None` where the tokenizer knows no
    /// pairs of texts.
    pub fn pair_sequence(&self, first: &[Token], second: &[Token]) -> Option<Sequence> {
        Some(self.pair_frame.as_ref()?.around(&ids(first), &ids(second)))
    }

    /// Tokens of two texts that fit a sequence beside the special tokens; `None` where the tokenizer
    /// knows no pairs.
    pub fn pair_capacity(&self) -> Option<usize> {
        let special = self.pair_frame.as_ref()?.special();
        Some((self.capacity + self.frame.special()).saturating_sub(special))
    }

    /// The row of the model's answer that belongs to the first token of a pair's second text, whose
    /// first text has `first` tokens.
    pub fn second_row(&self, first: usize) -> usize {
        self.pair_frame.as_ref().map_or(0, |frame| frame.second_row(first))
    }

    /// The id of a token, added ones included.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// The text that ids spell, with or without special tokens.
    ///
    /// # Errors
    /// [`TokenizerError::Decode`] with what the decoder said.
    pub fn decode_ids(&self, ids: &[u32], skip_special: bool) -> Result<String, TokenizerError> {
        let decoded = self.inner.decode(ids, skip_special);
        decoded.map_err(|error| TokenizerError::Decode(error.to_string()))
    }

    /// Rows of the model's answer that belong to a run of `tokens` tokens.
    pub fn text_rows(&self, tokens: usize) -> Range<usize> {
        let before = self.frame.first_row();
        before..before + tokens
    }
}

/// The word start next to `at` and after `range.start`, up to `range.end`; earlier ones first.
/// `at` itself when a single word fills the range.
fn cut(tokens: &[Token], range: Range<usize>, at: usize) -> usize {
    let starts = |index: &usize| tokens.get(*index).is_none_or(|token| !token.continues);
    let mut candidates = (range.start + 1..=at).rev().chain(at + 1..=range.end);
    candidates.find(starts).unwrap_or(at)
}

/// The tokens of a text, if `tokenizer` can find them.
fn words(tokenizer: &WordPiece, text: &str) -> Option<Vec<Token>> {
    // Only unknown words need them.
    let code_points = OnceCell::new();
    let slice = |start, end| code_points.get_or_init(|| CodePoints::new(text)).slice(start, end);
    let mut tokens = Vec::new();
    tokenizer.encode(text, |Found { id, piece, places: Range { start, end }, word }| {
        let text = piece.unwrap_or_else(|| slice(start, end));
        let continues = piece.is_some_and(|piece| piece.chars().count() != end - start);
        tokens.push(Token { id, text: text.to_owned(), start, end, continues, word: Some(word) });
    })?;
    Some(tokens)
}

fn ids(tokens: &[Token]) -> Vec<u32> {
    tokens.iter().map(|token| token.id).collect()
}

/// The unknown token and the mark of a continued word.
fn word_pieces(tokenizer: &Inner, unigram_unknown: Option<u32>) -> (Option<u32>, Option<String>) {
    let (unknown, continuation) = match tokenizer.get_model() {
        ModelWrapper::WordPiece(model) => {
            (Some(&model.unk_token), Some(model.continuing_subword_prefix.clone()))
        }
        ModelWrapper::BPE(model) => {
            (model.unk_token.as_ref(), model.continuing_subword_prefix.clone())
        }
        ModelWrapper::WordLevel(model) => (Some(&model.unk_token), None),
        ModelWrapper::Unigram(_) => return (unigram_unknown, None),
    };
    let unknown = unknown.and_then(|token| tokenizer.token_to_id(token));
    // Hugging Face treats an empty mark like none.
    (unknown, continuation.filter(|mark| !mark.is_empty()))
}

/// A text that can be cut at code points.
pub(crate) struct CodePoints<'a> {
    text: &'a str,
    /// Byte offset of each code point, and the length.
    offsets: Vec<usize>,
}

impl<'a> CodePoints<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let offsets = text.char_indices().map(|(offset, _)| offset);
        Self { text, offsets: offsets.chain([text.len()]).collect() }
    }

    /// Number of code points.
    pub(crate) fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Code points `start..end`, as far as the text goes.
    pub(crate) fn slice(&self, start: usize, end: usize) -> &'a str {
        let end = end.min(self.len());
        let start = start.min(end);
        &self.text[self.offsets[start]..self.offsets[end]]
    }
}
