//! Options of de-identification.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cipher::Cipher;

/// Replacement of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// A placeholder. It is not reversible.
    Redact,
    /// A pseudonym: the same for the same value, label and key. It is not reversible, but the owner
    /// of the key can check whether it stands for a known value.
    Pseudonymize,
    /// The encrypted value. The owner of the key can decrypt it.
    Encrypt,
    /// The value with `*` for each letter and digit but the last four, or for all of them if there
    /// are fewer than eight.
    Mask,
    /// SHA-256 of the value in hexadecimal digits. Anyone who can list all possible values, such as
    /// all telephone numbers, can find the value; use `pseudonymize` for these.
    Hash,
    /// A made-up value of the same shape, the same for the same value, label and key: other digits
    /// for digits, other letters for letters. It is not reversible.
    Replace,
    /// The value itself.
    Keep,
    /// None: a text with such a value is refused.
    Block,
}

impl Mode {
    /// Name in the configuration and in messages.
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

    /// Whether the mode needs a keyring.
    pub(crate) fn needs_keys(self) -> bool {
        matches!(self, Self::Pseudonymize | Self::Encrypt | Self::Replace)
    }

    /// Whether its replacements contain the label in a token.
    pub(crate) fn writes_tokens(self) -> bool {
        matches!(self, Self::Pseudonymize | Self::Encrypt)
    }
}

/// Minimum score, 0 to 1.
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

/// De-identification of the entities in a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Deidentify")]
pub struct DeidentifyOptions {
    /// Replacement of values.
    pub mode: Mode,
    /// Cipher of `encrypt` [default: aes-256-gcm]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cipher: Option<Cipher>,
    /// File with the keyring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<PathBuf>,
    /// Labels to replace, without tags such as `B-` [default: all entities]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeSet<String>>,
    /// Modes of single labels, instead of `mode`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub actions: BTreeMap<String, Mode>,
    /// Minimum scores by label, 0 to 1. Entities with a lower score are not replaced.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub thresholds: BTreeMap<String, Threshold>,
    /// Placeholder of `redact`; `{label}` stands for the label [default: `[{label}]`]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<String>,
}

/// Errors of options.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// A mode needs `keys`, and there are none.
    #[error("mode `{}` needs `keys`: the file with the keyring", .0.as_str())]
    NoKeys(Mode),
    /// A key has no effect in this mode.
    #[error("`{key}` has no effect in mode `{}`; remove it", mode.as_str())]
    OfNoEffect {
        /// The key.
        key: &'static str,
        /// The mode.
        mode: Mode,
    },
    /// The list of labels is empty.
    #[error("`labels` is empty: no entity would be replaced; remove it to replace all entities")]
    NoLabels,
    /// A key names a label that is not in `labels`.
    #[error("`{key}` has {label:?}, which is not in `labels`; add it there, or remove it here")]
    NotDeidentified {
        /// The key.
        key: &'static str,
        /// The label.
        label: String,
    },
    /// A threshold is not a number from 0 to 1.
    #[error("the threshold of {0:?} must be a number from 0 to 1")]
    Threshold(String),
}

impl DeidentifyOptions {
    /// Checks that the options fit together.
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

    /// Modes of all labels.
    pub fn modes(&self) -> impl Iterator<Item = Mode> {
        std::iter::once(self.mode).chain(self.actions.values().copied())
    }

    /// Mode of values with a label.
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
