//! Text out of bytes whose chunks end anywhere.

/// Reads UTF-8 in chunks.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// The beginning of a code point.
    held: Vec<u8>,
    /// Bytes that were read before `held`.
    read: u64,
}

impl Decoder {
    /// The text that is complete with these bytes.
    ///
    /// # Errors
    /// The place of what is no UTF-8.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<String, u64> {
        let mut all = std::mem::take(&mut self.held);
        all.extend_from_slice(bytes);
        let valid = match std::str::from_utf8(&all) {
            Ok(_) => all.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(error) => return Err(self.read + error.valid_up_to() as u64),
        };
        self.held = all.split_off(valid);
        self.read += valid as u64;
        String::from_utf8(all).map_err(|_| self.read)
    }

    /// Checks that nothing is held at the end.
    ///
    /// # Errors
    /// The place of what is no UTF-8.
    pub(crate) fn finish(&self) -> Result<(), u64> {
        if self.held.is_empty() { Ok(()) } else { Err(self.read) }
    }
}
