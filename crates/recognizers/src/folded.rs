//! A text in the form that patterns read: one byte for each code point.

use std::borrow::Cow;

/// A letter outside of ASCII, in a script that separates words by spaces.
pub(crate) const LETTER: u8 = 0x80;
/// A letter in a script without spaces between words (Chinese, Japanese, Thai), and in Korean, where
/// particles follow a number directly.
pub(crate) const UNSPACED: u8 = 0x81;
/// Any other code point outside of ASCII.
pub(crate) const SYMBOL: u8 = 0x82;

/// First digit of each block of decimal digits outside of ASCII that is folded (Unicode's general
/// category Nd, without historic scripts). Full-width digits are folded with their block.
const ZEROS: [u32; 18] = [
    0x660, 0x6f0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xe50, 0xed0,
    0xf20, 0x1040, 0x17e0, 0x1810, 0xff10,
];

/// Position of a byte of the folded text in the original.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Position {
    point: u32,
    byte: u32,
}

/// A text as patterns read it.
///
/// Full-width letters and digits, digits of other scripts, spaces and hyphens of every kind become
/// their ASCII counterparts. Code points without a width (combining accents, joiners, soft hyphens,
/// marks of direction) are left out, so that they cannot split an identifier. Every other code point
/// outside of ASCII becomes [`LETTER`], [`UNSPACED`] or [`SYMBOL`].
#[derive(Debug)]
pub(crate) struct Folded<'a> {
    text: &'a str,
    bytes: Cow<'a, [u8]>,
    /// `None` if the text is ASCII: positions are the same then.
    positions: Option<Vec<Position>>,
}

impl<'a> Folded<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        if text.is_ascii() {
            return Self { text, bytes: Cow::Borrowed(text.as_bytes()), positions: None };
        }
        let mut bytes = Vec::with_capacity(text.len());
        let mut positions = Vec::with_capacity(text.len());
        for (point, (byte, letter)) in text.char_indices().enumerate() {
            if let Some(folded) = fold(letter) {
                bytes.push(folded);
                positions.push(Position { point: point as u32, byte: byte as u32 });
            }
        }
        Self { text, bytes: Cow::Owned(bytes), positions: Some(positions) }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where a byte of the folded text begins in the original: code point and byte.
    pub(crate) fn start(&self, index: usize) -> (usize, usize) {
        match &self.positions {
            None => (index, index),
            Some(positions) => positions
                .get(index)
                .map_or((0, self.text.len()), |at| (at.point as usize, at.byte as usize)),
        }
    }

    /// Where what ends before `index` of the folded text ends in the original: code point and byte.
    pub(crate) fn end(&self, index: usize) -> (usize, usize) {
        if self.positions.is_none() || index == 0 {
            return (index, index);
        }
        let (point, byte) = self.start(index - 1);
        let width = self.text[byte..].chars().next().map_or(0, char::len_utf8);
        (point + 1, byte + width)
    }
}

/// Whether a byte of a folded text belongs to a word. Scripts without spaces do not extend words: a
/// number follows a Chinese word directly.
pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == LETTER
}

fn fold(letter: char) -> Option<u8> {
    let code = letter as u32;
    if code < 0x80 {
        return Some(code as u8);
    }
    Some(match code {
        // Soft hyphen, combining marks, joiners, marks of direction, selectors, byte order mark.
        0xad
        | 0x300..=0x36f
        | 0x200b..=0x200f
        | 0x202a..=0x202e
        | 0x2060..=0x2064
        | 0x2066..=0x2069
        | 0x20d0..=0x20ff
        | 0xfe00..=0xfe0f
        | 0xfeff => return None,
        0x2010..=0x2015 | 0x2212 | 0xfe58 | 0xfe63 => b'-',
        0xff01..=0xff5e => (code - 0xff01) as u8 + b'!',
        // Mathematical digits, five styles.
        0x1d7ce..=0x1d7ff => ((code - 0x1d7ce) % 10) as u8 + b'0',
        _ => digit(code).unwrap_or_else(|| class(letter)),
    })
}

fn digit(code: u32) -> Option<u8> {
    let zero = ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code))?;
    Some((code - zero) as u8 + b'0')
}

fn class(letter: char) -> u8 {
    if letter.is_whitespace() {
        b' '
    } else if is_unspaced(letter) {
        UNSPACED
    } else if letter.is_alphanumeric() {
        LETTER
    } else {
        SYMBOL
    }
}

fn is_unspaced(letter: char) -> bool {
    matches!(
        letter as u32,
        0xe00..=0xeff            // Thai, Lao
        | 0x1000..=0x109f        // Burmese
        | 0x1100..=0x11ff        // Hangul Jamo
        | 0x1780..=0x17ff        // Khmer
        | 0x3005..=0x3007
        | 0x3040..=0x31ff        // kana, Bopomofo
        | 0x3400..=0x9fff        // Han
        | 0xac00..=0xd7af        // Hangul
        | 0xf900..=0xfaff
        | 0xff66..=0xff9f        // half-width kana
        | 0x20000..=0x3ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_spaces_and_hyphens_of_every_script_are_ascii() {
        let folded = Folded::new("４１\u{a0}٣\u{2011}०\u{2009}𝟗Ａ");
        assert_eq!(folded.bytes(), b"41 3-0 9A");
    }

    #[test]
    fn code_points_without_a_width_are_left_out() {
        let folded = Folded::new("1\u{200b}2\u{ad}3\u{feff}e\u{301}4");
        assert_eq!(folded.bytes(), b"123e4");
        assert_eq!(folded.start(2), (4, 7));
        assert_eq!(folded.end(2), (3, 5));
        assert_eq!(folded.end(5), (9, 15));
    }

    #[test]
    fn letters_are_told_apart_by_whether_spaces_separate_words() {
        assert_eq!(Folded::new("é号カ한ж–€").bytes(), b"\x80\x81\x81\x81\x80-\x82");
    }

    #[test]
    fn positions_are_counted_in_code_points_and_bytes() {
        let folded = Folded::new("号1a");
        assert_eq!((folded.start(1), folded.end(3)), ((1, 3), (3, 5)));
        let ascii = Folded::new("abc");
        assert_eq!((ascii.start(1), ascii.end(3)), ((1, 1), (3, 3)));
    }
}
