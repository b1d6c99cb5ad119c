//! How something is to be de-identified.

use std::collections::BTreeSet;
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
}

impl Mode {
    /// As the configuration and messages have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Redact => "redact",
            Self::Pseudonymize => "pseudonymize",
            Self::Encrypt => "encrypt",
        }
    }
}

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
    /// What stands for a redacted value, with its label instead of `{label}`; `[{label}]` otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<String>,
}

/// What is wrong with options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
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
}

impl DeidentifyOptions {
    /// Looks for what does not go together.
    ///
    /// # Errors
    /// The first [`OptionsError`].
    pub fn check(&self) -> Result<(), OptionsError> {
        let mode = self.mode;
        let needs_keys = mode != Mode::Redact;
        let given = [
            ("cipher", self.cipher.is_some(), mode == Mode::Encrypt),
            ("keys", self.keys.is_some(), needs_keys),
            ("placeholder", self.placeholder.is_some(), mode == Mode::Redact),
        ];
        if let Some((key, ..)) = given.into_iter().find(|(_, given, of_use)| *given && !of_use) {
            return Err(OptionsError::OfNoEffect { key, mode });
        }
        if needs_keys && self.keys.is_none() {
            return Err(OptionsError::NoKeys(mode));
        }
        if self.labels.as_ref().is_some_and(BTreeSet::is_empty) {
            return Err(OptionsError::NoLabels);
        }
        Ok(())
    }
}
