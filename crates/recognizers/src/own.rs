//! Patterns and lists of the configuration.

use std::collections::BTreeSet;
use std::ops::Range;

use regex_automata::Input;
use regex_automata::meta::Regex;

use crate::options::{DenyList, OptionsError, OwnPattern};

/// Largest compiled pattern, and memory of its states, in bytes.
const LARGEST_PATTERN: usize = 256 << 10;
const STATES: usize = 256 << 10;
/// Largest compiled list of terms.
const LARGEST_LIST: usize = 8 << 20;

/// A pattern of the configuration.
#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) score: f32,
    /// In lower case.
    pub(crate) context: Vec<String>,
    regex: Regex,
}

impl Own {
    pub(crate) fn new(own: &OwnPattern) -> Result<Self, OptionsError> {
        Ok(Self {
            name: own.name.clone(),
            label: own.label.clone(),
            score: own.score,
            context: own.context.iter().map(|word| word.to_lowercase()).collect(),
            regex: compile(&own.name, &own.pattern, LARGEST_PATTERN)?,
        })
    }

    /// Matches, in bytes of the text; empty ones are left out.
    pub(crate) fn matches<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        self.regex.find_iter(text).map(|found| found.range()).filter(|range| !range.is_empty())
    }
}

/// Terms that are always found.
#[derive(Debug)]
pub(crate) struct Denied {
    pub(crate) label: String,
    regex: Regex,
}

impl Denied {
    pub(crate) fn new(list: &DenyList) -> Result<Self, OptionsError> {
        // The longest first: of alternatives, the first that matches is taken.
        let mut terms: Vec<&str> = list.terms.iter().map(|term| term.trim()).collect();
        terms.sort_by_key(|term| std::cmp::Reverse(term.len()));
        let terms: Vec<String> = terms.into_iter().map(escape).collect();
        let pattern = format!("(?i:{})", terms.join("|"));
        let regex = compile(&list.label, &pattern, LARGEST_LIST)?;
        Ok(Self { label: list.label.clone(), regex })
    }

    /// Whole words that the list has, in bytes of the text.
    pub(crate) fn matches<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        let mut from = 0;
        std::iter::from_fn(move || {
            loop {
                let found = self.regex.find(Input::new(text).range(from..))?.range();
                let whole = is_whole(text, &found);
                // Within a word, another term may begin before this one ends.
                let next = text[found.start..].chars().next().map_or(1, char::len_utf8);
                from = if whole { found.end } else { found.start + next };
                if whole {
                    return Some(found);
                }
            }
        })
    }
}

/// Values that are never found.
#[derive(Debug)]
pub(crate) struct Allowed {
    /// In lower case.
    terms: BTreeSet<String>,
    patterns: Vec<Regex>,
}

impl Allowed {
    pub(crate) fn new(terms: &[String], patterns: &[String]) -> Result<Self, OptionsError> {
        let whole = |pattern: &String| {
            compile("allow-patterns", &format!("^(?:{pattern})$"), LARGEST_PATTERN)
        };
        let terms = terms.iter().map(|term| term.trim().to_lowercase());
        Ok(Self {
            terms: terms.collect(),
            patterns: patterns.iter().map(whole).collect::<Result<_, _>>()?,
        })
    }

    pub(crate) fn allows(&self, value: &str) -> bool {
        let known = !self.terms.is_empty() && self.terms.contains(&value.trim().to_lowercase());
        known || self.patterns.iter().any(|pattern| pattern.is_match(value))
    }
}

fn compile(name: &str, pattern: &str, largest: usize) -> Result<Regex, OptionsError> {
    let config = Regex::config()
        .nfa_size_limit(Some(largest))
        .onepass_size_limit(Some(0))
        .dfa(false)
        .hybrid_cache_capacity(STATES);
    Regex::builder().configure(config).build(pattern).map_err(|error| {
        let reason = match error.size_limit() {
            Some(limit) => format!("the compiled pattern exceeds {limit} bytes; make it shorter"),
            None => match error.syntax_error() {
                Some(syntax) => syntax.to_string(),
                None => error.to_string(),
            },
        };
        OptionsError::Pattern { name: name.to_owned(), reason }
    })
}

/// A term as a pattern: whatever is no letter or digit by its code point.
fn escape(term: &str) -> String {
    let mut pattern = String::new();
    for letter in term.chars() {
        match letter.is_alphanumeric() {
            true => pattern.push(letter),
            false => pattern.push_str(&format!("\\x{{{:x}}}", u32::from(letter))),
        }
    }
    pattern
}

fn is_whole(text: &str, range: &Range<usize>) -> bool {
    let joins = |one: Option<char>, other: Option<char>| {
        let word =
            |letter: char| letter.is_alphanumeric() && !('\u{3040}'..='\u{9fff}').contains(&letter);
        one.is_some_and(word) && other.is_some_and(word)
    };
    let inside = &text[range.clone()];
    !joins(text[..range.start].chars().next_back(), inside.chars().next())
        && !joins(inside.chars().next_back(), text[range.end..].chars().next())
}
