//! Cuts a text that arrives in chunks into segments that can be searched one by one.
//!
//! Where a text is cut depends on the text alone, and not on its chunks: what is made of the segments of a
//! stream is what is made of those of the whole text.

/// Maximum length of a segment in code points, if a place to cut is found.
pub const LIMIT: usize = 200;
/// Code points behind a place that decide whether a text is cut there.
const AHEAD: usize = 64;
/// Longest segment without any place to cut, in code points: something longer without a space, such as an
/// image in base64, is cut anywhere. No identifier of the table is longer.
const LONGEST: usize = crate::recognizer::LONG;
/// What begins a key of many lines.
const KEY_BEGINS: &str = "-----BEGIN ";
const KEY_ENDS: &str = "-----END ";

/// Cuts text into segments: behind sentences and paragraphs and, if these are long, between words, but not
/// between groups of one number.
#[derive(Debug, Default)]
pub struct Segments {
    /// What has not been cut yet.
    rest: String,
}

impl Segments {
    /// A new text.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a chunk, and gives the segments that are complete.
    pub fn push(&mut self, chunk: &str) -> Vec<String> {
        self.rest.push_str(chunk);
        let mut complete = Vec::new();
        while let Some(end) = cut(&self.rest, false) {
            let after = self.rest.split_off(end);
            complete.push(std::mem::replace(&mut self.rest, after));
        }
        complete
    }

    /// The segments that remain at the end of the text.
    pub fn finish(mut self) -> Vec<String> {
        let mut complete = Vec::new();
        while let Some(end) = cut(&self.rest, true) {
            let after = self.rest.split_off(end);
            complete.push(std::mem::replace(&mut self.rest, after));
        }
        if !self.rest.is_empty() {
            complete.push(self.rest);
        }
        complete
    }

    /// Bytes that are held back.
    pub fn held(&self) -> usize {
        self.rest.len()
    }
}

/// The byte at which the first segment of `text` ends, if that is known. `is_all` says that nothing follows.
fn cut(text: &str, is_all: bool) -> Option<usize> {
    if let Some(key) = text.find(KEY_BEGINS) {
        return cut_key(text, key);
    }
    // The start of a key may be at the end of what is there.
    let sentence = sentence_end(text, is_all);
    if sentence.is_some() {
        return sentence;
    }
    let length = text.chars().count();
    if length < LIMIT + AHEAD && !(is_all && length > LIMIT) {
        return None;
    }
    between_words(text, length, is_all)
}

/// A text with the start of a key is cut in front of the line of the key, and behind its end.
fn cut_key(text: &str, key: usize) -> Option<usize> {
    if key > 0 {
        return cut(&text[..key], true).filter(|end| *end < key).or(Some(key));
    }
    let end = text.find(KEY_ENDS).and_then(|end| Some(end + text[end..].find('\n')? + 1));
    let longest = text.char_indices().nth(LONGEST).map(|(place, _)| place);
    end.filter(|end| longest.is_none_or(|longest| *end <= longest)).or(longest)
}

/// The first place behind a sentence or a paragraph, within [`LIMIT`] code points.
fn sentence_end(text: &str, is_all: bool) -> Option<usize> {
    let mut ended = false;
    let mut lines = 0;
    let mut closes = false;
    for (place, letter) in text.char_indices().take(LIMIT + 1) {
        match letter {
            '。' | '！' | '？' => (ended, closes, lines) = (true, true, 0),
            '.' | '!' | '?' => (ended, closes, lines) = (true, false, 0),
            '"' | '\'' | ')' | '”' | '’' | '»' | '」' if ended => {}
            '\n' => lines += 1,
            letter if letter.is_whitespace() => closes |= ended,
            _ if place > 0 && (ended && (closes || lines > 0) || lines > 1) => {
                return (is_all || !may_begin_key(&text[place..])).then_some(place);
            }
            _ => (ended, closes, lines) = (false, false, 0),
        }
    }
    None
}

/// Whether a text that goes on may turn out to begin with a key.
fn may_begin_key(text: &str) -> bool {
    text.len() < KEY_BEGINS.len() && KEY_BEGINS.starts_with(text)
}

/// The last space within [`LIMIT`] code points that does not separate parts of one number, or the first
/// one behind.
fn between_words(text: &str, length: usize, is_all: bool) -> Option<usize> {
    let mut last = None;
    for (index, (place, letter)) in text.char_indices().enumerate() {
        let is_known = index + AHEAD < length || is_all;
        if index > LIMIT && (last.is_some() || !is_known) {
            break;
        }
        let end = place + letter.len_utf8();
        if letter.is_whitespace() && index > 0 && end < text.len() && separates(text, place, end) {
            last = Some(end);
        }
        if index >= LONGEST {
            return Some(last.unwrap_or(place));
        }
    }
    last
}

/// Whether the words around a space are not parts of one number, such as an IBAN in groups of four.
fn separates(text: &str, place: usize, end: usize) -> bool {
    let before = text[..place].rsplit(char::is_whitespace).next().unwrap_or_default();
    let after = text[end..].split(char::is_whitespace).next().unwrap_or_default();
    let numbered = |word: &str| word.chars().take(AHEAD).any(char::is_numeric);
    let short = |word: &str| word.chars().take(5).count() < 5;
    match (numbered(before), numbered(after)) {
        (false, false) => true,
        (true, true) => false,
        (true, false) => !short(after),
        (false, true) => !short(before),
    }
}
