use crate::diagnostic::Diagnostic;
use crate::key::Key;
use crate::location::{Lines, Origin};
use crate::tree::Node;

/// Source location of each key of a configuration, for errors that are found later.
#[derive(Debug, Clone)]
pub struct SourceMap {
    text: String,
    name: String,
    tree: Node,
}

impl SourceMap {
    pub(crate) fn new(text: &str, name: &str, tree: Node) -> Self {
        Self { text: text.to_owned(), name: name.to_owned(), tree }
    }

    /// An error at `key`, such as `routes[0].to[1].weight`, or at what is there of it.
    pub fn diagnostic(&self, key: &str, message: impl Into<String>) -> Diagnostic {
        let parsed = key.parse().unwrap_or_default();
        let location = self.tree.nearest(&parsed).location(&Lines::of(&self.text));
        Diagnostic {
            file: self.name.clone(),
            location,
            key: key.to_owned(),
            message: message.into(),
        }
    }

    pub(crate) fn origin(&self, key: &Key) -> &Origin {
        self.tree.nearest(key)
    }
}
