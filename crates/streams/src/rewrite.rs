//! What changes texts.

/// Changes texts that arrive in chunks. What becomes of a text must not depend on its chunks.
pub trait Rewrite {
    /// What is kept of a text between its chunks.
    type Text: Default;
    /// Why a text cannot be changed.
    type Error;

    /// Takes the next chunk of a text, and gives what can pass.
    ///
    /// # Errors
    /// The stream ends.
    fn push(&mut self, text: &mut Self::Text, chunk: &str) -> Result<String, Self::Error>;

    /// The text has ended: gives the rest.
    ///
    /// # Errors
    /// As [`Rewrite::push`].
    fn finish(&mut self, text: Self::Text) -> Result<String, Self::Error>;

    /// Changes a text that is there as a whole.
    ///
    /// # Errors
    /// As [`Rewrite::push`].
    fn whole(&mut self, text: &str) -> Result<String, Self::Error> {
        let mut state = Self::Text::default();
        let mut changed = self.push(&mut state, text)?;
        changed.push_str(&self.finish(state)?);
        Ok(changed)
    }
}
