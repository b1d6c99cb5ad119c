use std::fmt;

use pilotlight_router::Route;

use crate::key::Key;
use crate::location::{Location, Origin};

/// Error in a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Name of the file, as it was given.
    pub file: String,
    /// Location in the text, or the name of a variable or a flag.
    pub location: Location,
    /// Key, such as `functions.ner.pool.min-ready`; empty if the text is not TOML.
    pub key: String,
    /// What is wrong, and how to correct it.
    pub message: String,
}

/// Every error of a configuration, in the order of the text, then those of variables and flags.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Diagnostics(pub(crate) Vec<Diagnostic>);

/// Finds errors of routes that each are well-formed.
pub type RouteCheck = fn(&[Route]) -> Vec<RouteDiagnostic>;

/// An error of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteDiagnostic {
    /// Which route, from 0.
    pub route: usize,
    /// Which key of it, such as `to[1].weight`.
    pub key: String,
    /// What is wrong.
    pub message: String,
}

/// What came of a value that a [`Diagnostic`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Syntax,
    Unknown,
    Missing,
    Bad,
}

/// An error that does not know its line yet.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    pub(crate) origin: Origin,
    pub(crate) key: Key,
    pub(crate) message: String,
}

impl Diagnostics {
    /// All diagnostics; at least one.
    pub fn all(&self) -> &[Diagnostic] {
        &self.0
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.location {
            Location::Line { .. } => write!(f, "{}:{}: ", self.file, self.location)?,
            Location::Override(name) => write!(f, "{name}: ")?,
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, diagnostic) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("\n")?;
            }
            diagnostic.fmt(f)?;
        }
        Ok(())
    }
}
