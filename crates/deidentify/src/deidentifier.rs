pub(crate) mod fit;

use std::collections::BTreeSet;

use icu_normalizer::ComposingNormalizerBorrowed;

use crate::cipher::{Cipher, NONCE};
use crate::entity::{Deidentified, Entity, Span};
use crate::error::Refused;
use crate::key::{Key, KeyId};
use crate::options::{DeidentifyOptions, Mode, OptionsError};
use crate::ring::KeyRing;
use crate::token;

const PLACEHOLDER: &str = "[{label}]";

/// Protects what was found in texts. It does not change: with other keys another is made.
#[derive(Debug, Clone)]
pub struct Deidentifier {
    replacement: Replacement,
    labels: Option<BTreeSet<String>>,
}

#[derive(Debug, Clone)]
enum Replacement {
    Placeholder(String),
    Pseudonym(KeyRing),
    Encrypted(Cipher, KeyRing),
}

impl Deidentifier {
    /// Protects as `options` say, with `keys`, which the caller has read from the file that the
    /// options name. Options that share a file should share the ring that was read from it, so
    /// that its keys' uses are counted together.
    ///
    /// # Errors
    /// [`OptionsError`].
    pub fn new(options: &DeidentifyOptions, keys: Option<&KeyRing>) -> Result<Self, OptionsError> {
        options.check()?;
        let keys = || keys.cloned().ok_or(OptionsError::NoKeys(options.mode));
        let replacement = match options.mode {
            Mode::Redact => Replacement::Placeholder(
                options.placeholder.clone().unwrap_or_else(|| PLACEHOLDER.to_owned()),
            ),
            Mode::Pseudonymize => Replacement::Pseudonym(keys()?),
            Mode::Encrypt => Replacement::Encrypted(options.cipher.unwrap_or_default(), keys()?),
        };
        Ok(Self { replacement, labels: options.labels.clone() })
    }

    /// The labels of what is de-identified; `None` is all. One that the model does not have de-identifies
    /// nothing: see [`DeidentifyOptions::check_labels`].
    pub fn labels(&self) -> Option<&BTreeSet<String>> {
        self.labels.as_ref()
    }

    /// Whether what has this label is de-identified.
    pub fn deidentifies(&self, label: &str) -> bool {
        self.labels.as_ref().is_none_or(|labels| labels.contains(label))
    }

    /// Replaces entities in a text. They have to be in the order of the text, and not to overlap.
    ///
    /// # Errors
    /// [`Refused`]; then nothing may be passed on.
    pub fn deidentify(&self, text: &str, entities: &[Entity<'_>]) -> Result<Deidentified, Refused> {
        let mut original = Cursor::new(text);
        let mut deidentified = String::with_capacity(text.len());
        let mut spans = Vec::with_capacity(entities.len());
        let mut position = 0;
        for entity in entities {
            let before = original.end;
            let (between, value) = original.next(entity)?;
            let replacement = self
                .deidentifies(entity.label)
                .then(|| self.replacement.of(entity.label, value))
                .transpose()?;
            let now = replacement.as_deref().unwrap_or(value);
            deidentified.push_str(between);
            deidentified.push_str(now);
            let start = position + (entity.start - before);
            position = start + now.chars().count();
            spans.push(Span {
                label: entity.label.to_owned(),
                score: entity.score,
                start,
                end: position,
                original: entity.start..entity.end,
                deidentified: replacement.is_some(),
                key: self.replacement.key().filter(|_| replacement.is_some()),
            });
        }
        deidentified.push_str(original.rest);
        Ok(Deidentified { text: deidentified, spans })
    }
}

impl Replacement {
    /// The key that is used.
    fn key(&self) -> Option<KeyId> {
        match self {
            Self::Placeholder(_) => None,
            Self::Pseudonym(ring) | Self::Encrypted(_, ring) => Some(ring.active().clone()),
        }
    }

    /// What replaces a value.
    fn of(&self, label: &str, value: &str) -> Result<String, Refused> {
        match self {
            Self::Placeholder(placeholder) => Ok(placeholder.replace("{label}", label)),
            Self::Pseudonym(ring) => {
                let label = token_label(label)?;
                // One text in another encoding is the same value to whoever reads it (UAX #15).
                let value = ComposingNormalizerBorrowed::new_nfc().normalize(value);
                Ok(token::pseudonym(label, ring.active_key(), &value))
            }
            Self::Encrypted(cipher, ring) => {
                encrypt(token_label(label)?, ring.active_key(), *cipher, value)
            }
        }
    }
}

fn encrypt(label: &str, key: &Key, cipher: Cipher, value: &str) -> Result<String, Refused> {
    if !key.uses(cipher).take() {
        return Err(Refused::Exhausted(key.id().clone()));
    }
    let mut nonce = [0; NONCE];
    getrandom::fill(&mut nonce)?;
    token::encrypted(label, key, cipher, &nonce, value)
        .ok_or_else(|| Refused::TooLong { label: label.to_owned(), bytes: value.len() })
}

fn token_label(label: &str) -> Result<&str, Refused> {
    if token::is_label(label) { Ok(label) } else { Err(Refused::Label(label.to_owned())) }
}

/// Goes through a text from entity to entity.
struct Cursor<'a> {
    /// What has not been passed.
    rest: &'a str,
    /// Where the last entity began, in code points.
    start: usize,
    /// Where it ended: here `rest` begins.
    end: usize,
}

impl<'a> Cursor<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text, start: 0, end: 0 }
    }

    /// What stands before an entity, and the entity.
    fn next(&mut self, entity: &Entity<'_>) -> Result<(&'a str, &'a str), Refused> {
        let Entity { start, end, .. } = *entity;
        let label = || entity.label.to_owned();
        if start >= end {
            return Err(Refused::Empty { label: label(), start, end });
        }
        if start < self.start {
            let previous = self.start;
            return Err(Refused::Unsorted { label: label(), start, end, previous });
        }
        if start < self.end {
            let previous = self.end;
            return Err(Refused::Overlapping { label: label(), start, end, previous });
        }
        let parts = split(self.rest, start - self.end).and_then(|(between, rest)| {
            let (value, rest) = split(rest, end - start)?;
            Some((between, value, rest))
        });
        let Some((between, value, rest)) = parts else {
            let length = self.end + self.rest.chars().count();
            return Err(Refused::Outside { label: label(), start, end, length });
        };
        *self = Self { rest, start, end };
        Ok((between, value))
    }
}

/// Splits off so many code points; `None` if there are fewer.
fn split(text: &str, code_points: usize) -> Option<(&str, &str)> {
    let mut places = text.char_indices().map(|(place, _)| place).chain([text.len()]);
    text.split_at_checked(places.nth(code_points)?)
}
