//! Options of the recognizers.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::scanner::ScannerError;
use crate::table::recognizers;

/// Default minimum score of a finding.
pub const THRESHOLD: f32 = 0.5;
/// Maximum number of own patterns, and of terms in all lists.
const MOST_PATTERNS: usize = 256;
const MOST_TERMS: usize = 10_000;
/// Maximum size of a pattern, a term and a label, in bytes.
const LONGEST_PATTERN: usize = 1024;
const LONGEST_TERM: usize = 256;
const LONGEST_LABEL: usize = 64;

/// `[recognizers]`: recognizers of identifiers, own patterns and lists.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Recognizers"))]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct RecognizerOptions {
    /// Countries whose identifiers are recognized (ISO 3166-1 alpha-2) [default: all countries].
    /// Identifiers that are not issued by a country are always recognized.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub countries: Option<BTreeSet<String>>,
    /// Labels that are recognized [default: all labels]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeSet<String>>,
    /// Names of recognizers that are disabled.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub disable: BTreeSet<String>,
    /// Minimum score of a finding, 0 to 1 [default: 0.5]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f32>,
    /// Minimum scores by label.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub thresholds: BTreeMap<String, f32>,
    /// Own patterns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub patterns: Vec<OwnPattern>,
    /// Terms that are always found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<DenyList>,
    /// Values that are never found, regardless of case, neither by a recognizer nor by the model.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
    /// Regular expressions of values that are never found; they match whole values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow_patterns: Vec<String>,
}

/// Own pattern.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OwnPattern {
    /// Name of the recognizer.
    pub name: String,
    /// Label of its findings.
    pub label: String,
    /// Regular expression in the syntax of the Rust crate `regex`: linear in time, without
    /// look-around and backreferences.
    pub pattern: String,
    /// Score of a match without context, 0 to 1 [default: 0.5]
    #[serde(default = "half")]
    pub score: f32,
    /// Words near a match that raise its score.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<String>,
}

fn half() -> f32 {
    0.5
}

/// Terms that are always found, as whole words, regardless of case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DenyList {
    /// Label of the findings.
    pub label: String,
    /// Terms.
    pub terms: Vec<String>,
}

/// Errors of [`RecognizerOptions`].
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// A label that cannot stand in a token or a placeholder.
    #[error("label {0:?} must have 1 to 64 bytes, without brackets, colons and control characters")]
    Label(String),
    /// A label that no recognizer has.
    #[error("no recognizer has the label {0:?}")]
    UnknownLabel(String),
    /// A name that no recognizer has.
    #[error("disable: recognizer {0:?} does not exist")]
    UnknownName(String),
    /// A country without a recognizer.
    #[error(
        "countries: no recognizer is for {0:?}; use two-letter codes of ISO 3166-1, such as DE"
    )]
    UnknownCountry(String),
    /// A name that is used already.
    #[error("two recognizers are named {0:?}")]
    Twice(String),
    /// A score or threshold outside of its range.
    #[error("{name} is {score}; use a number from 0 to 1")]
    Score {
        /// Where it stands.
        name: String,
        /// The number.
        score: f32,
    },
    /// A pattern that cannot be used.
    #[error("pattern {name:?}: {reason}")]
    Pattern {
        /// Its name.
        name: String,
        /// Why, in words.
        reason: String,
    },
    /// A term that is empty or too long.
    #[error("a term of {0} bytes; use 1 to 256")]
    Term(usize),
    /// Too many patterns or terms.
    #[error("{count} {what}; use up to {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The table cannot be searched.
    #[error(transparent)]
    Scanner(#[from] ScannerError),
}

impl RecognizerOptions {
    /// Checks what needs no compiled pattern.
    ///
    /// # Errors
    /// The first [`OptionsError`].
    pub fn check(&self) -> Result<(), OptionsError> {
        self.check_sizes()?;
        self.check_own()?;
        self.check_scores()?;
        self.check_choice()
    }

    /// Labels that its recognizers can find, own ones included.
    pub fn all_labels(&self) -> BTreeSet<&str> {
        let own = self.patterns.iter().map(|own| own.label.as_str());
        let denied = self.deny.iter().map(|list| list.label.as_str());
        recognizers().map(|row| row.label).chain(own).chain(denied).collect()
    }

    /// Names of the recognizers that are used, own ones included.
    pub fn names(&self) -> Vec<String> {
        let table = recognizers().filter(|row| self.uses(row)).map(|row| row.name);
        table.chain(self.patterns.iter().map(|own| own.name.as_str())).map(str::to_owned).collect()
    }

    /// Labels of the recognizers that are used, own ones included.
    pub fn found_labels(&self) -> BTreeSet<&str> {
        let table = recognizers().filter(|row| self.uses(row)).map(|row| row.label);
        let own = self.patterns.iter().map(|own| own.label.as_str());
        table.chain(own).chain(self.deny.iter().map(|list| list.label.as_str())).collect()
    }

    /// Whether a recognizer of the table is used.
    pub(crate) fn uses(&self, row: &crate::Recognizer) -> bool {
        let in_country = |countries: &BTreeSet<String>| {
            row.country.is_none_or(|country| countries.contains(country))
        };
        let labeled = |labels: &BTreeSet<String>| labels.contains(row.label);
        self.countries.as_ref().is_none_or(in_country)
            && self.labels.as_ref().is_none_or(labeled)
            && !self.disable.contains(row.name)
    }

    /// Minimum score of findings with a label.
    pub fn threshold_of(&self, label: &str) -> f32 {
        self.thresholds.get(label).copied().or(self.threshold).unwrap_or(THRESHOLD)
    }

    fn check_sizes(&self) -> Result<(), OptionsError> {
        let terms = self.deny.iter().map(|list| list.terms.len()).sum::<usize>() + self.allow.len();
        let patterns = self.patterns.len() + self.allow_patterns.len();
        for (what, count, limit) in
            [("patterns", patterns, MOST_PATTERNS), ("terms", terms, MOST_TERMS)]
        {
            if count > limit {
                return Err(OptionsError::TooMany { what, count, limit });
            }
        }
        let terms = self.deny.iter().flat_map(|list| &list.terms).chain(&self.allow);
        let unfit = |term: &&String| term.trim().is_empty() || term.len() > LONGEST_TERM;
        match terms.into_iter().find(unfit) {
            Some(term) => Err(OptionsError::Term(term.len())),
            None => Ok(()),
        }
    }

    fn check_own(&self) -> Result<(), OptionsError> {
        let mut names: BTreeSet<&str> = recognizers().map(|row| row.name).collect();
        for own in &self.patterns {
            if !names.insert(&own.name) {
                return Err(OptionsError::Twice(own.name.clone()));
            }
            check_label(&own.label)?;
            if own.pattern.len() > LONGEST_PATTERN {
                let reason = format!("{} bytes; use up to {LONGEST_PATTERN}", own.pattern.len());
                return Err(OptionsError::Pattern { name: own.name.clone(), reason });
            }
        }
        self.deny.iter().try_for_each(|list| check_label(&list.label))
    }

    fn check_scores(&self) -> Result<(), OptionsError> {
        let own = self.patterns.iter().map(|own| (own.name.as_str(), own.score));
        let labels = self.thresholds.iter().map(|(label, score)| (label.as_str(), *score));
        let all = self.threshold.map(|score| ("threshold", score)).into_iter();
        match own.chain(labels).chain(all).find(|(_, score)| !(0.0..=1.0).contains(score)) {
            Some((name, score)) => Err(OptionsError::Score { name: name.to_owned(), score }),
            None => Ok(()),
        }
    }

    fn check_choice(&self) -> Result<(), OptionsError> {
        let labels = self.all_labels();
        let chosen = self.labels.iter().flatten();
        if let Some(label) = chosen.into_iter().find(|label| !labels.contains(label.as_str())) {
            return Err(OptionsError::UnknownLabel(label.clone()));
        }
        let named = |name: &String| recognizers().any(|row| row.name == name);
        if let Some(name) = self.disable.iter().find(|name| !named(name)) {
            return Err(OptionsError::UnknownName(name.clone()));
        }
        let known = |country: &String| recognizers().any(|row| row.country == Some(country));
        match self.countries.iter().flatten().find(|country| !known(country)) {
            Some(country) => Err(OptionsError::UnknownCountry(country.clone())),
            None => Ok(()),
        }
    }
}

fn check_label(label: &str) -> Result<(), OptionsError> {
    let fits = |c: char| !c.is_control() && !['[', ']', ':'].contains(&c);
    match (1..=LONGEST_LABEL).contains(&label.len()) && label.chars().all(fits) {
        true => Ok(()),
        false => Err(OptionsError::Label(label.to_owned())),
    }
}
