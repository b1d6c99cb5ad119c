//! What stands in a text instead of a value: `[LABEL:KEY:BODY]`, with a body of 32 hexadecimal
//! digits for a pseudonym, and of at least 40 letters of base64url for something encrypted.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::cipher::{Cipher, NONCE, TAG};
use crate::key::{Key, KeyId};

/// Bytes of a pseudonym.
const PSEUDONYM: usize = 16;
/// Bytes of a token that holds one byte, encrypted.
const SHORTEST: usize = 1 + NONCE + 1 + TAG;
/// Longest label in a token.
pub(crate) const LONGEST_LABEL: usize = 64;

/// Whether a label can stand in a token.
pub(crate) fn is_label(label: &str) -> bool {
    let fits = |c: char| !c.is_control() && !['[', ']', ':'].contains(&c);
    (1..=LONGEST_LABEL).contains(&label.len()) && label.chars().all(fits)
}

/// What precedes the body.
fn head(label: &str, key: &KeyId) -> String {
    format!("[{label}:{key}:")
}

/// The token of a pseudonym. `mac` is of the label and the value.
pub(crate) fn pseudonym(label: &str, key: &Key, value: &str) -> String {
    // No label holds a colon: label and value cannot be taken for others.
    let mac = key.mac(&[label.as_bytes(), b":", value.as_bytes()]);
    let mut token = head(label, key.id());
    for byte in &mac[..PSEUDONYM] {
        token.push_str(&format!("{byte:02x}"));
    }
    token.push(']');
    token
}

/// What the cipher authenticates beside the value: its mark and the head of the token.
fn associated(cipher: u8, head: &str) -> Vec<u8> {
    [&[cipher], head.as_bytes()].concat()
}

/// The token of an encrypted value; `None` if it is longer than the cipher allows.
pub(crate) fn encrypted(
    label: &str,
    key: &Key,
    cipher: Cipher,
    nonce: &[u8; NONCE],
    value: &str,
) -> Option<String> {
    let mut token = head(label, key.id());
    let associated = associated(cipher.mark(), &token);
    let mut body = [&[cipher.mark()], nonce.as_slice(), value.as_bytes()].concat();
    let text = body.get_mut(1 + NONCE..)?;
    let tag = key.cipher(cipher).seal(nonce, &associated, text).ok()?;
    body.extend_from_slice(&tag);
    URL_SAFE_NO_PAD.encode_string(body, &mut token);
    token.push(']');
    Some(token)
}

/// Something written like a token. Who wrote it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    /// All of it.
    pub(crate) text: &'a str,
    pub(crate) label: &'a str,
    pub(crate) key: &'a str,
    pub(crate) body: Body<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body<'a> {
    Pseudonym,
    Encrypted(&'a str),
}

impl<'a> Token<'a> {
    /// Reads a text that begins with `[` and ends with the first `]`.
    fn read(text: &'a str) -> Option<Self> {
        let inner = text.strip_prefix('[')?.strip_suffix(']')?;
        let (label, rest) = inner.split_once(':')?;
        let (key, body) = rest.split_once(':')?;
        let body = Body::read(body)?;
        let valid = is_label(label) && key.parse::<KeyId>().is_ok();
        valid.then_some(Self { text, label, key, body })
    }

    /// What is encrypted in it, if it is all authentic.
    pub(crate) fn open(&self, key: &Key) -> Option<String> {
        let Body::Encrypted(body) = self.body else { return None };
        let body = URL_SAFE_NO_PAD.decode(body).ok()?;
        let (mark, rest) = body.split_first()?;
        let cipher = Cipher::ALL.into_iter().find(|cipher| cipher.mark() == *mark)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE>()?;
        let (text, tag) = rest.split_last_chunk::<TAG>()?;
        let associated = associated(*mark, &head(self.label, key.id()));
        let mut text = text.to_vec();
        key.cipher(cipher).open(nonce, &associated, &mut text, tag).ok()?;
        String::from_utf8(text).ok()
    }
}

impl<'a> Body<'a> {
    fn read(body: &'a str) -> Option<Self> {
        let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if body.len() == 2 * PSEUDONYM && body.bytes().all(hexadecimal) {
            Some(Self::Pseudonym)
        } else if body.len() * 3 / 4 >= SHORTEST && body.bytes().all(base64url) {
            Some(Self::Encrypted(body))
        } else {
            None
        }
    }
}

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Text(&'a str),
    Token(Token<'a>),
}

/// Takes a text apart. A token holds no bracket inside, so that there is only one way to do it, and
/// every byte is looked at a few times at most.
pub(crate) fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = match rest.strip_prefix('[') {
            None => rest.find('[').unwrap_or(rest.len()),
            Some(inner) => match inner.find(['[', ']']) {
                Some(place) if inner[place..].starts_with(']') => place + 2,
                Some(place) => place + 1,
                None => rest.len(),
            },
        };
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(Token::read(piece).map_or(Piece::Text(piece), Piece::Token))
    })
}
