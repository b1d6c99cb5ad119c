//! What the checks of this folder share.

use crate::key::Key;
use crate::suggestion;
use crate::tree::Node;

/// A key, what else the finding depends on, and what is wrong.
pub(crate) struct Finding {
    pub(crate) key: Key,
    pub(crate) because: Vec<Key>,
    pub(crate) message: String,
}

/// What there is, also what has errors of its own.
pub(crate) struct Names<'a> {
    pub(crate) functions: Vec<&'a str>,
    pub(crate) auth: Vec<&'a str>,
    pub(crate) deidentify: Vec<&'a str>,
    /// What has been written.
    pub(crate) tree: &'a Node,
}

pub(super) fn key(names: &[&str]) -> Key {
    names.iter().fold(Key::default(), |key, name| key.name(name))
}

pub(super) fn unknown_name(what: &str, name: &str, known: &[&str]) -> String {
    let hint = suggestion::hint(suggestion::closest(name, known.iter().copied()));
    format!("{what} `{name}` does not exist{hint}")
}
