use std::collections::BTreeSet;

use crate::scheme::{Scheme, Tag};

/// The labels of a token classifier, and the groups that they name.
///
/// A group is what remains of a label without the tag of its [`Scheme`]: the group of `B-CITY` and
/// `I-CITY` is `CITY`. Without a scheme each label is a group. Only `O` as a whole is outside of
/// entities: the group of `B-O` is `O`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    names: Vec<String>,
    scheme: Scheme,
    /// Tag and group of each; `None` outside of entities.
    read: Vec<Option<(Tag, String)>>,
    groups: BTreeSet<String>,
}

impl Labels {
    /// Labels by their indices. The scheme is detected from all of them, once.
    pub fn new(names: Vec<String>) -> Self {
        let (scheme, read) = Scheme::detect(&names);
        let groups = read.iter().flatten().map(|(_, group)| group.clone()).collect();
        Self { names, scheme, read, groups }
    }

    /// The same, and names of entities that something else than the model finds.
    #[must_use]
    pub fn with_groups(mut self, groups: impl IntoIterator<Item = String>) -> Self {
        self.groups.extend(groups);
        self
    }

    /// The labels by their indices, as the model has them.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How the labels say where entities begin and end.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The names of entities: what redaction calls them, and what a `[deidentify]` section can list.
    pub fn groups(&self) -> &BTreeSet<String> {
        &self.groups
    }

    /// Whether some labels say that an entity ends (`E`, `L`, `S`, `U`, `W`).
    pub fn tell_ends(&self) -> bool {
        self.read.iter().flatten().any(|(tag, _)| matches!(tag, Tag::End | Tag::Single))
    }

    /// Tag and group of the label with this index; `None` for a label outside of entities, and for
    /// an index without a label.
    pub fn entity(&self, index: usize) -> Option<(Tag, &str)> {
        let (tag, group) = self.read.get(index)?.as_ref()?;
        Some((*tag, group))
    }

    /// The group that a caller means by `label`: a group, a label of the model, another tag of a
    /// group, or what `transformers` calls exactly one group. `None` for everything else.
    pub fn resolve(&self, label: &str) -> Option<&str> {
        let known = |group: &str| self.groups.get(group).map(String::as_str);
        let place = self.names.iter().position(|name| name == label);
        let named = || self.entity(place?).map(|(_, group)| group);
        let tagged = || known(self.scheme.split(label)?.1);
        known(label).or_else(named).or_else(tagged).or_else(|| self.called_by_transformers(label))
    }

    fn called_by_transformers(&self, label: &str) -> Option<&str> {
        let entities = self.names.iter().zip(&self.read);
        let mut groups = entities.filter_map(|(name, read)| {
            let (_, group) = read.as_ref()?;
            (transformers_group(name) == label).then_some(group.as_str())
        });
        let first = groups.next()?;
        groups.all(|group| group == first).then_some(first)
    }
}

/// What `transformers` calls the group of a label, whatever its scheme: all that follows the first
/// hyphen.
pub fn transformers_group(label: &str) -> &str {
    label.split_once('-').map_or(label, |(_, group)| group)
}
