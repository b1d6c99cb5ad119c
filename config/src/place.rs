use std::fmt;

use crate::key::Key;
use crate::mistake::Mistake;
use crate::tree::Node;

/// Where something was said.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In the text.
    Line {
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
    },
    /// In an environment variable or a flag, by its name.
    Override(String),
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// This byte of the text.
    Text(usize),
    /// A variable or a flag.
    Override(String),
}

/// Where each key of a configuration was set, for mistakes that are found later.
#[derive(Debug, Clone)]
pub struct Places {
    text: String,
    name: String,
    tree: Node,
}

impl Places {
    pub(crate) fn new(text: &str, name: &str, tree: Node) -> Self {
        Self { text: text.to_owned(), name: name.to_owned(), tree }
    }

    /// A mistake at `key`, such as `routes[0].to[1].weight`, or at what is there of it.
    pub fn mistake(&self, key: &str, message: impl Into<String>) -> Mistake {
        let parsed = key.parse().unwrap_or_default();
        let place = self.tree.nearest(&parsed).place(&self.text);
        Mistake { file: self.name.clone(), place, key: key.to_owned(), message: message.into() }
    }

    pub(crate) fn origin(&self, key: &Key) -> &Origin {
        self.tree.nearest(key)
    }
}

impl Origin {
    pub(crate) fn place(&self, text: &str) -> Place {
        match self {
            Self::Text(offset) => line_and_column(text, *offset),
            Self::Override(name) => Place::Override(name.clone()),
        }
    }
}

fn line_and_column(text: &str, offset: usize) -> Place {
    let before = &text[..text.floor_char_boundary(offset)];
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    Place::Line { line, column: before[start..].chars().count() + 1 }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { line, column } => write!(f, "{line}:{column}"),
            Self::Override(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_counted_in_characters() {
        let text = "a = 1\nb = \"ä€\" # x";
        let at = |offset| Origin::Text(offset).place(text);
        assert_eq!(at(0), Place::Line { line: 1, column: 1 });
        assert_eq!(at(6), Place::Line { line: 2, column: 1 });
        assert_eq!(at(text.find('#').unwrap()), Place::Line { line: 2, column: 10 });
        assert_eq!(at(usize::MAX), Place::Line { line: 2, column: 13 });
    }
}
