use std::fmt;
use std::str::FromStr;

use crate::error::Error;

const MAIN: &str = "main";
const LONGEST: usize = 96;
const LONGEST_REVISION: usize = 256;
/// Digits of a Git commit.
const COMMIT: usize = 40;

/// A model on Hugging Face's Hub: `ORGANIZATION/NAME`, and a branch, tag or commit of its repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubModel {
    /// The repository's path; models of old have no organization.
    repository: String,
    revision: String,
}

impl HubModel {
    /// The repository's path.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Branch, tag or commit; `main` unless one is named.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// The commit, if that is what the revision names.
    pub(super) fn commit(&self) -> Option<&str> {
        is_commit(&self.revision).then_some(&self.revision[..])
    }

    /// The folder of its entry in a cache, as Hugging Face's libraries call it.
    pub(super) fn entry(&self) -> String {
        format!("models--{}", self.repository.replace('/', "--"))
    }
}

/// Whether a text is the name of a Git commit in full.
pub(super) fn is_commit(text: &str) -> bool {
    let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == COMMIT && text.bytes().all(digit)
}

impl FromStr for HubModel {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |reason: &str| Error::Hub {
            model: format!("hf:{text}"),
            reason: format!("{reason}; write hf:ORG/NAME or hf:ORG/NAME@REVISION"),
        };
        let (repository, revision) = text.split_once('@').unwrap_or((text, MAIN));
        let parts: Vec<&str> = repository.split('/').collect();
        if parts.len() > 2 || !parts.iter().all(|part| is_name(part)) {
            return Err(wrong("not a name of a model"));
        }
        let inner = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        let is_path =
            revision.split('/').all(|part| !part.is_empty() && part != ".." && part != ".");
        let fits = (1..=LONGEST_REVISION).contains(&revision.len());
        if !fits || !is_path || !revision.chars().all(inner) {
            return Err(wrong("not a branch, tag or commit"));
        }
        Ok(Self { repository: repository.to_owned(), revision: revision.to_owned() })
    }
}

/// What the Hub allows: letters, digits, `-`, `_` and `.`, neither first nor last nor twice in a row
/// but for `_`.
fn is_name(part: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=LONGEST).contains(&part.len())
        && part.chars().all(inner)
        && !part.starts_with(['-', '.'])
        && !part.ends_with(['-', '.'])
        && !part.contains("--")
        && !part.contains("..")
}

impl fmt::Display for HubModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hf:{}@{}", self.repository, self.revision)
    }
}
