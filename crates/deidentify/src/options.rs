//! How something is to be de-identified.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cipher::Cipher;

/// What is put in the place of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// A placeholder. Nobody gets the value back.
    Redact,
    /// A pseudonym: the same for the same value, label and key. Nobody gets the value back, but
    /// who has the key can tell whether it was one that he knows.
    Pseudonymize,
    /// The value, encrypted. Who has the key gets it back.
    Encrypt,
    /// The value with `*` for each letter and digit but the last four; for all of them if there are fewer
    /// than eight.
    Mask,
    /// The SHA-256 digest of the value in hexadecimal digits. Whoever can list all values, such as all
    /// telephone numbers, can tell which one it was; use `pseudonymize` for these.
    Hash,
    /// A made-up value of the same shape, the same for the same value, label and key: other digits for
    /// digits, other letters for letters. Nobody gets the value back.
    Replace,
    /// The value itself.
    Keep,
    /// Nothing: a text with such a value is refused.
    Block,
}

impl Mode {
    /// As the configuration and messages have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Redact => "redact",
            Self::Pseudonymize => "pseudonymize",
            Self::Encrypt => "encrypt",
            Self::Mask => "mask",
            Self::Hash => "hash",
            Self::Replace => "replace",
            Self::Keep => "keep",
            Self::Block => "block",
        }
    }

    /// Whether it needs a keyring.
    pub(crate) fn needs_keys(self) -> bool {
        matches!(self, Self::Pseudonymize | Self::Encrypt | Self::Replace)
    }

    /// Whether labels stand in tokens.
    pub(crate) fn writes_tokens(self) -> bool {
        matches!(self, Self::Pseudonymize | Self::Encrypt)
    }
}

/// Least score, 0 to 1.
#[derive(Debug, Clone, Copy, PartialOrd, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Threshold(f32);

impl Threshold {
    /// The number.
    pub fn get(self) -> f32 {
        self.0
    }
}

impl From<f32> for Threshold {
    fn from(score: f32) -> Self {
        Self(score)
    }
}

impl PartialEq for Threshold {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Threshold {}

/// How what was found in texts is de-identified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Deidentify")]
pub struct DeidentifyOptions {
    /// What is put in the place of values.
    pub mode: Mode,
    /// What encrypts; aes-256-gcm otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cipher: Option<Cipher>,
    /// File with the keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<PathBuf>,
    /// Labels of what is de-identified, without tags such as `B-`; everything otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeSet<String>>,
    /// What is put in the place of values of single labels, instead of what `mode` says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub actions: BTreeMap<String, Mode>,
    /// Least scores by label, 0 to 1: what scores less is not de-identified.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub thresholds: BTreeMap<String, Threshold>,
    /// What stands for a redacted value, with its label instead of `{label}`; `[{label}]` otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<String>,
}

/// What is wrong with options.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// Keys are needed, and there are none.
    #[error("mode `{}` needs `keys`: the file with the keys", .0.as_str())]
    NoKeys(Mode),
    /// The mode has no use for a key of the options.
    #[error("`{key}` is of no effect in mode `{}`; leave it out", mode.as_str())]
    OfNoEffect {
        /// The key.
        key: &'static str,
        /// The mode.
        mode: Mode,
    },
    /// An empty list of labels.
    #[error(
        "`labels` is empty: nothing would be de-identified; leave it out to protect everything"
    )]
    NoLabels,
    /// An action for a label that is not de-identified.
    #[error(
        "`{key}` has {label:?}, which is not among `labels`: add it there, or leave it out here"
    )]
    NotDeidentified {
        /// The key.
        key: &'static str,
        /// The label.
        label: String,
    },
    /// A threshold that is no score.
    #[error("the threshold of {0:?} is not a number from 0 to 1")]
    Threshold(String),
}

impl DeidentifyOptions {
    /// Looks for what does not go together.
    ///
    /// # Errors
    /// The first [`OptionsError`].
    pub fn check(&self) -> Result<(), OptionsError> {
        let mode = self.mode;
        let needing = self.modes().find(|mode| mode.needs_keys());
        let has = |wanted: Mode| self.modes().any(|mode| mode == wanted);
        let given = [
            ("cipher", self.cipher.is_some(), has(Mode::Encrypt)),
            ("keys", self.keys.is_some(), needing.is_some()),
            ("placeholder", self.placeholder.is_some(), has(Mode::Redact)),
        ];
        if let Some((key, ..)) = given.into_iter().find(|(_, given, of_use)| *given && !of_use) {
            return Err(OptionsError::OfNoEffect { key, mode });
        }
        if let Some(mode) = needing.filter(|_| self.keys.is_none()) {
            return Err(OptionsError::NoKeys(mode));
        }
        if self.labels.as_ref().is_some_and(BTreeSet::is_empty) {
            return Err(OptionsError::NoLabels);
        }
        self.check_single_labels()
    }

    /// All that is put in the place of values.
    pub fn modes(&self) -> impl Iterator<Item = Mode> {
        std::iter::once(self.mode).chain(self.actions.values().copied())
    }

    /// What is put in the place of values with a label.
    pub fn mode_of(&self, label: &str) -> Mode {
        self.actions.get(label).copied().unwrap_or(self.mode)
    }

    fn check_single_labels(&self) -> Result<(), OptionsError> {
        let keys = [
            ("actions", self.actions.keys().collect::<Vec<_>>()),
            ("thresholds", self.thresholds.keys().collect()),
        ];
        for (key, named) in keys {
            let known = |label: &&&String| {
                self.labels.as_ref().is_none_or(|labels| labels.contains(**label))
            };
            if let Some(label) = named.iter().find(|label| !known(label)) {
                return Err(OptionsError::NotDeidentified { key, label: (*label).clone() });
            }
        }
        let outside = |threshold: &Threshold| !(0.0..=1.0).contains(&threshold.get());
        match self.thresholds.iter().find(|(_, threshold)| outside(threshold)) {
            Some((label, _)) => Err(OptionsError::Threshold(label.clone())),
            None => Ok(()),
        }
    }
}
