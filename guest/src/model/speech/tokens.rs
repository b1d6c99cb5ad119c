/// Ids below it are no text: unknown, start, end.
const FIRST_TEXT: i64 = 3;
/// What SentencePiece has for a space.
const SPACE: char = '\u{2581}';

/// The texts of tokens, by their ids.
#[derive(Debug)]
pub struct TokenTexts {
    bytes: Vec<u8>,
    /// Where the text of each token ends.
    ends: Vec<u32>,
}

impl TokenTexts {
    /// Reads a file that has for each id a length (a byte; from 128 on two, the low seven bits first), and so many
    /// bytes of UTF-8.
    ///
    /// # Errors
    /// Where the file ends too early.
    pub fn read(file: &[u8]) -> Result<Self, String> {
        let mut texts = Self { bytes: Vec::with_capacity(file.len()), ends: Vec::new() };
        let mut rest = file;
        while let [first, others @ ..] = rest {
            let cut = || format!("token {} is truncated", texts.ends.len());
            let (length, others) = match (usize::from(*first), others) {
                (short @ 0..128, others) => (short, others),
                (low, [high, others @ ..]) => (low - 128 + usize::from(*high) * 128, others),
                (_, []) => return Err(cut()),
            };
            let (text, others) = others.split_at_checked(length).ok_or_else(cut)?;
            texts.bytes.extend_from_slice(text);
            texts.ends.push(u32::try_from(texts.bytes.len()).map_err(|error| error.to_string())?);
            rest = others;
        }
        match texts.ends.is_empty() {
            true => Err("there are no tokens".to_owned()),
            false => Ok(texts),
        }
    }

    /// What tokens spell, without spaces around it. Ids that are not there spell nothing.
    pub fn text(&self, ids: impl Iterator<Item = i64>) -> String {
        let bytes = ids.filter(|id| *id >= FIRST_TEXT).filter_map(|id| self.bytes_of(id));
        // A character may be the bytes of several tokens.
        let bytes: Vec<u8> = bytes.flatten().copied().collect();
        String::from_utf8_lossy(&bytes).replace(SPACE, " ").trim().to_owned()
    }

    fn bytes_of(&self, id: i64) -> Option<&[u8]> {
        let id = usize::try_from(id).ok()?;
        let end = *self.ends.get(id)? as usize;
        let start = id.checked_sub(1).and_then(|before| self.ends.get(before)).copied();
        self.bytes.get(start.unwrap_or_default() as usize..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_spell_text_across_the_bytes_of_characters() {
        let mut file = vec![0, 0, 0];
        for text in ["▁Caf".as_bytes(), &[0xc3], &[0xa9], "▁au".as_bytes()] {
            file.push(text.len() as u8);
            file.extend_from_slice(text);
        }
        let long = "x".repeat(300);
        file.extend([128 | (300 % 128) as u8, (300 / 128) as u8]);
        file.extend_from_slice(long.as_bytes());
        let texts = TokenTexts::read(&file).unwrap();
        assert_eq!(texts.text([1, 3, 4, 5, 6, 99, -1].into_iter()), "Café au");
        assert_eq!(texts.text([7].into_iter()), long);
        for end in 1..file.len() {
            // Only a cut between two tokens goes unnoticed.
            let cut = TokenTexts::read(&file[..end]).map_or(0, |texts| texts.bytes.len());
            assert!(cut <= file.len());
        }
        assert!(TokenTexts::read(&file[..file.len() - 1]).is_err());
        assert!(TokenTexts::read(&[]).is_err());
    }
}
