//! Values back out of tokens in a text that arrives in chunks.

use crate::keyring::Keyring;

/// Longest token that is put together, in bytes; a longer one stays as it is.
const LONGEST: usize = 64 << 10;

/// A text that is re-identified while it passes. What becomes of it is what [`Keyring::reidentify`] makes of
/// the whole text, but for tokens of more than 64 KiB.
#[derive(Debug, Default)]
pub struct StreamReidentifier {
    /// The beginning of what may be a token.
    held: String,
}

impl StreamReidentifier {
    /// Takes the next chunk, and gives what can pass.
    pub fn push(&mut self, chunk: &str, keys: &Keyring) -> String {
        self.held.push_str(chunk);
        let end = match self.held.rfind('[') {
            Some(place) if !self.held[place..].contains(']') => place,
            _ => self.held.len(),
        };
        let end = if self.held.len() - end > LONGEST { self.held.len() } else { end };
        let rest = self.held.split_off(end);
        let passes = std::mem::replace(&mut self.held, rest);
        keys.reidentify(&passes).text
    }

    /// The text has ended: gives the rest.
    pub fn finish(self, keys: &Keyring) -> String {
        keys.reidentify(&self.held).text
    }
}
