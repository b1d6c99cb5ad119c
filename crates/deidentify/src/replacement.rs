//! What is put in the place of a value.

use icu_normalizer::ComposingNormalizerBorrowed;
use sha2::{Digest as _, Sha256};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::cipher::{Cipher, NONCE};
use crate::error::Refused;
use crate::key::{Key, KeyId};
use crate::keyring::Keyring;
use crate::options::{DeidentifyOptions, Mode, OptionsError};
use crate::token;

const PLACEHOLDER: &str = "[{label}]";
/// Letters and digits that a mask leaves, and the least that a value has for it.
const LEFT: usize = 4;
const LEAST: usize = 8;

#[derive(Debug, Clone)]
pub(crate) enum Replacement {
    Placeholder(String),
    Pseudonym(Keyring),
    Encrypted(Cipher, Keyring),
    Masked,
    Hashed,
    MadeUp(Keyring),
    Kept,
    Blocked,
}

impl Replacement {
    pub(crate) fn new(
        mode: Mode,
        options: &DeidentifyOptions,
        keys: Option<&Keyring>,
    ) -> Result<Self, OptionsError> {
        let keys = || keys.cloned().ok_or(OptionsError::NoKeys(mode));
        Ok(match mode {
            Mode::Redact => Self::Placeholder(
                options.placeholder.clone().unwrap_or_else(|| PLACEHOLDER.to_owned()),
            ),
            Mode::Pseudonymize => Self::Pseudonym(keys()?),
            Mode::Encrypt => Self::Encrypted(options.cipher.unwrap_or_default(), keys()?),
            Mode::Mask => Self::Masked,
            Mode::Hash => Self::Hashed,
            Mode::Replace => Self::MadeUp(keys()?),
            Mode::Keep => Self::Kept,
            Mode::Block => Self::Blocked,
        })
    }

    /// The key that is used.
    pub(crate) fn key(&self) -> Option<KeyId> {
        match self {
            Self::Pseudonym(keyring) | Self::Encrypted(_, keyring) | Self::MadeUp(keyring) => {
                Some(keyring.active().clone())
            }
            _ => None,
        }
    }

    /// What replaces a value; `None` leaves it.
    pub(crate) fn of(&self, label: &str, value: &str) -> Result<Option<String>, Refused> {
        Ok(Some(match self {
            Self::Placeholder(placeholder) => placeholder.replace("{label}", label),
            Self::Pseudonym(keyring) => {
                token::pseudonym(token_label(label)?, keyring.active_key(), &normalized(value))
            }
            Self::Encrypted(cipher, keyring) => {
                encrypt(token_label(label)?, keyring.active_key(), *cipher, value)?
            }
            Self::Masked => mask(value),
            Self::Hashed => hash(&normalized(value)),
            Self::MadeUp(keyring) => made_up(label, keyring.active_key(), &normalized(value)),
            Self::Kept => return Ok(None),
            Self::Blocked => return Err(Refused::Blocked(label.to_owned())),
        }))
    }
}

/// One text in another encoding is the same value to whoever reads it (UAX #15).
fn normalized(value: &str) -> std::borrow::Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfc().normalize(value)
}

/// A letter goes with its accents, which would tell of it.
fn mask(value: &str) -> String {
    let is_letter = |cluster: &str| cluster.contains(char::is_alphanumeric);
    let letters = value.graphemes(true).filter(|cluster| is_letter(cluster)).count();
    let masked = if letters < LEAST { letters } else { letters - LEFT };
    let mut passed = 0;
    let mask = |cluster| {
        passed += usize::from(is_letter(cluster));
        if is_letter(cluster) && passed <= masked { "*" } else { cluster }
    };
    value.graphemes(true).map(mask).collect()
}

fn hash(value: &str) -> String {
    Sha256::digest(value.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A value of the same shape. Letters outside of ASCII become ASCII letters, without their accents.
fn made_up(label: &str, key: &Key, value: &str) -> String {
    let mut random = Stream::new(label, key, value);
    let mut letter = |letter: char| match letter {
        '0'..='9' => random.one_of(b"0123456789"),
        'a'..='z' => random.one_of(b"abcdefghijklmnopqrstuvwxyz"),
        'A'..='Z' => random.one_of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        other if other.is_numeric() => random.one_of(b"0123456789"),
        other if other.is_uppercase() => random.one_of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        other if other.is_alphabetic() => random.one_of(b"abcdefghijklmnopqrstuvwxyz"),
        other => other,
    };
    let mut made_up = String::with_capacity(value.len());
    for cluster in value.graphemes(true) {
        let is_letter = cluster.starts_with(char::is_alphanumeric);
        let kept = if is_letter { 1 } else { usize::MAX };
        made_up.extend(cluster.chars().take(kept).map(&mut letter));
    }
    made_up
}

/// Bytes that follow from a key, a label and a value: HMAC-SHA-256 of both and a counter.
struct Stream<'a> {
    label: &'a str,
    key: &'a Key,
    value: &'a str,
    counter: u64,
    block: Vec<u8>,
}

impl<'a> Stream<'a> {
    fn new(label: &'a str, key: &'a Key, value: &'a str) -> Self {
        Self { label, key, value, counter: 0, block: Vec::new() }
    }

    fn byte(&mut self) -> u8 {
        if self.block.is_empty() {
            let counter = self.counter.to_be_bytes();
            // A zero byte in front: no pseudonym is of the same input.
            let input = [b"\0", self.label.as_bytes(), b"\0", &counter, self.value.as_bytes()];
            self.block = self.key.mac(&input).to_vec();
            self.counter += 1;
        }
        self.block.pop().unwrap_or_default()
    }

    fn one_of(&mut self, letters: &[u8]) -> char {
        // 256 values on 10 or 26 letters: some are one in ten likelier. A made-up value keeps no secret.
        char::from(letters[usize::from(self.byte()) % letters.len()])
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
