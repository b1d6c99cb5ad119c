//! Values back out of tokens.

use std::fmt;

use serde::Serialize;

use crate::keyring::Keyring;
use crate::token::{Body, Piece, Token, pieces};

/// A text in which values stand again.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Reidentified {
    /// The text.
    pub text: String,
    /// Number of decrypted tokens.
    pub reidentified: usize,
    /// Texts that look like tokens and were left unchanged, in order.
    pub left: Vec<Left>,
}

/// Without the text, which has to be in no log.
impl fmt::Debug for Reidentified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Restored")
            .field("reidentified", &self.reidentified)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

/// Something that looks like a token and was left in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Left {
    /// Reason.
    pub reason: Reason,
    /// The key that it names.
    pub key: String,
    /// Start in the given text, in code points.
    pub start: usize,
    /// End in the given text, in code points.
    pub end: usize,
}

/// Reason why a token was left unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Reason {
    /// It is a pseudonym, which contains no encrypted value.
    Pseudonym,
    /// No key in the keyring is called so.
    UnknownKey,
    /// It was not made with the key that it names. The exact reason is not told.
    Damaged,
}

impl Keyring {
    /// Decrypts the tokens in a text. What cannot be decrypted stays as it is, and is told.
    ///
    /// A value that looks like a token itself is not decrypted further.
    pub fn reidentify(&self, text: &str) -> Reidentified {
        let mut reidentified = Reidentified {
            text: String::with_capacity(text.len()),
            reidentified: 0,
            left: Vec::new(),
        };
        let mut position = 0;
        for piece in pieces(text) {
            let (written, outcome) = match piece {
                Piece::Text(text) => (text, None),
                Piece::Token(token) => (token.text, Some((token, self.open(&token)))),
            };
            let start = position;
            position += written.chars().count();
            match outcome {
                None => reidentified.text.push_str(written),
                Some((_, Ok(value))) => {
                    reidentified.text.push_str(&value);
                    reidentified.reidentified += 1;
                }
                Some((token, Err(reason))) => {
                    reidentified.text.push_str(written);
                    let key = token.key.to_owned();
                    reidentified.left.push(Left { reason, key, start, end: position });
                }
            }
        }
        reidentified
    }

    fn open(&self, token: &Token<'_>) -> Result<String, Reason> {
        if token.body == Body::Pseudonym {
            return Err(Reason::Pseudonym);
        }
        let key = self.key(token.key).ok_or(Reason::UnknownKey)?;
        token.open(key).ok_or(Reason::Damaged)
    }
}
