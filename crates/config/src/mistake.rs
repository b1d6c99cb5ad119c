use std::fmt;

use pilotlight_router::Rule;

use crate::key::Key;
use crate::place::{Origin, Place};

/// Something in a configuration that cannot be meant so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Name of the file, as it was given.
    pub file: String,
    /// Where it was said.
    pub place: Place,
    /// Which key, such as `functions.ner.pool.min-ready`; empty where the text is no TOML.
    pub key: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Every mistake of a configuration, in the order of the text, then those of variables and flags.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Mistakes(pub(crate) Vec<Mistake>);

/// Finds mistakes of rules that each are well-formed.
pub type RuleCheck = fn(&[Rule]) -> Vec<RuleMistake>;

/// A mistake of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleMistake {
    /// Which rule, from 0.
    pub rule: usize,
    /// Which key of it, such as `to[1].weight`.
    pub key: String,
    /// What is wrong.
    pub message: String,
}

/// What came of a value that a [`Mistake`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Syntax,
    Unknown,
    Missing,
    Bad,
}

/// A mistake that does not know its line yet.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    pub(crate) origin: Origin,
    pub(crate) key: Key,
    pub(crate) message: String,
}

impl Mistakes {
    /// All of them; at least one.
    pub fn all(&self) -> &[Mistake] {
        &self.0
    }
}

impl IntoIterator for Mistakes {
    type Item = Mistake;
    type IntoIter = std::vec::IntoIter<Mistake>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Line { .. } => write!(f, "{}:{}: ", self.file, self.place)?,
            Place::Override(name) => write!(f, "{name}: ")?,
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, mistake) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("\n")?;
            }
            mistake.fmt(f)?;
        }
        Ok(())
    }
}
