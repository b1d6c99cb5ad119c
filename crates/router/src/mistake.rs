use std::fmt;

/// Something in a rule that cannot be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rules[{rule}].{}: {message}", self.place())]
#[non_exhaustive]
pub struct Mistake {
    /// The rule, counted from 0.
    pub rule: usize,
    /// Keys that lead from the rule to what is wrong.
    pub path: Vec<Key>,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// A step from a table or a list into what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// Into a table.
    Name(String),
    /// Into a list, counted from 0.
    Index(usize),
}

impl Mistake {
    /// The path as it would be written, such as `to[1].weight`.
    #[must_use]
    pub fn place(&self) -> String {
        let text: String = self.path.iter().map(Key::to_string).collect();
        text.strip_prefix('.').map(str::to_owned).unwrap_or(text)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        match self {
            Self::Name(name) if !name.is_empty() && name.chars().all(bare) => write!(f, ".{name}"),
            Self::Name(name) => write!(f, ".{name:?}"),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

impl From<&str> for Key {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl From<usize> for Key {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// The mistakes of all rules, found one rule after the other.
#[derive(Default)]
pub(crate) struct Mistakes {
    rule: usize,
    found: Vec<Mistake>,
}

impl Mistakes {
    /// What is added from here on is in this rule.
    pub(crate) fn in_rule(&mut self, rule: usize) {
        self.rule = rule;
    }

    pub(crate) fn add<const N: usize>(&mut self, path: [Key; N], message: impl Into<String>) {
        self.found.push(Mistake { rule: self.rule, path: path.into(), message: message.into() });
    }

    /// The value of `result`; its message is a mistake at `path`.
    pub(crate) fn take<T, const N: usize>(
        &mut self,
        path: [Key; N],
        result: Result<T, impl Into<String>>,
    ) -> Option<T> {
        result.map_err(|message| self.add(path, message)).ok()
    }

    /// An error, in the order of the rules, unless there are none.
    pub(crate) fn none(mut self) -> Result<(), Vec<Mistake>> {
        self.found.sort_by_key(|mistake| mistake.rule);
        if self.found.is_empty() { Ok(()) } else { Err(self.found) }
    }
}
