use std::sync::Arc;

use crate::diagnostic::Diagnostics;
use crate::parse::{Parsed, Sources, parse};

/// The configuration in use: the last one that was valid.
#[derive(Debug)]
pub struct Current {
    sources: Sources,
    parsed: Arc<Parsed>,
}

impl Current {
    /// Begins with a text.
    ///
    /// # Errors
    /// Its errors.
    pub fn new(text: &str, sources: Sources) -> Result<Self, Diagnostics> {
        let parsed = Arc::new(parse(text, &sources)?);
        Ok(Self { sources, parsed })
    }

    /// The current configuration.
    pub fn get(&self) -> &Arc<Parsed> {
        &self.parsed
    }

    /// Takes another text, if it is valid; gives the configuration if it says something else than
    /// the one before.
    ///
    /// # Errors
    /// Its errors; what was in use stays.
    pub fn offer(&mut self, text: &str) -> Result<Option<Arc<Parsed>>, Diagnostics> {
        let parsed = Arc::new(parse(text, &self.sources)?);
        let changed = parsed.config != self.parsed.config;
        self.parsed = Arc::clone(&parsed);
        Ok(changed.then_some(parsed))
    }
}
