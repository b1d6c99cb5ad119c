//! Values back out of tokens.

use std::fmt;

use serde::Serialize;

use crate::ring::KeyRing;
use crate::token::{Body, Piece, Token, pieces};

/// A text in which values stand again.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Reidentified {
    /// The text.
    pub text: String,
    /// How many tokens were decrypted.
    pub reidentified: usize,
    /// What looks like a token and stayed as it was, in the order of the text.
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
    /// Why.
    pub reason: Reason,
    /// The key that it names.
    pub key: String,
    /// Where it begins in the text that was given, in code points.
    pub start: usize,
    /// Where it ends there.
    pub end: usize,
}

/// Why a token was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Reason {
    /// It is a pseudonym: nothing is encrypted in it.
    Pseudonym,
    /// No key in the ring is called so.
    UnknownKey,
    /// It is not what the key that it names has made. What exactly is wrong with it is not told.
    Damaged,
}

impl KeyRing {
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
