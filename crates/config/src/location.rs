use std::fmt;

/// Source location of a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Location {
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

impl Origin {
    pub(crate) fn location(&self, lines: &Lines<'_>) -> Location {
        match self {
            Self::Text(offset) => lines.location(*offset),
            Self::Override(name) => Location::Override(name.clone()),
        }
    }

    /// The line, if it is in the text.
    pub(crate) fn line(&self, lines: &Lines<'_>) -> Option<usize> {
        if let Self::Text(offset) = self { Some(lines.line(*offset)) } else { None }
    }
}

/// A text and where its lines begin: what is no configuration may have an error in every one.
pub(crate) struct Lines<'a> {
    pub(crate) text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let after_newlines = text.match_indices('\n').map(|(newline, _)| newline + 1);
        Self { text, starts: std::iter::once(0).chain(after_newlines).collect() }
    }

    fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }

    fn location(&self, offset: usize) -> Location {
        let offset = self.text.floor_char_boundary(offset);
        let line = self.line(offset);
        let before = &self.text[self.starts[line - 1]..offset];
        Location::Line { line, column: before.chars().count() + 1 }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { line, column } => write!(f, "{line}:{column}"),
            Self::Override(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn columns_are_counted_in_characters() {
        let text = "a = 1\nb = \"ä€\" # x";
        let lines = Lines::of(text);
        let at = |offset| Origin::Text(offset).location(&lines);
        assert_eq!(at(0), Location::Line { line: 1, column: 1 });
        assert_eq!(at(6), Location::Line { line: 2, column: 1 });
        assert_eq!(at(text.find('#').unwrap()), Location::Line { line: 2, column: 10 });
        assert_eq!(at(usize::MAX), Location::Line { line: 2, column: 13 });
    }

    proptest! {
        #[test]
        fn a_location_leads_to_its_byte(text in "[a\nä€]{0,40}", offset in 0usize..150) {
            let Location::Line { line, column } = Lines::of(&text).location(offset) else { panic!() };
            let before: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
            let inside: usize = text[before..].chars().take(column - 1).map(char::len_utf8).sum();
            prop_assert_eq!(before + inside, text.floor_char_boundary(offset));
            prop_assert!(!text[before..before + inside].contains('\n'));
        }
    }
}
