use crate::key::Key;
use crate::mistake::Mistake;
use crate::place::{Lines, Origin};
use crate::tree::Node;

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
        let place = self.tree.nearest(&parsed).place(&Lines::of(&self.text));
        Mistake { file: self.name.clone(), place, key: key.to_owned(), message: message.into() }
    }

    pub(crate) fn origin(&self, key: &Key) -> &Origin {
        self.tree.nearest(key)
    }
}
