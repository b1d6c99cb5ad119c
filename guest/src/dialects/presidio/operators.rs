//! Presidio's operators: what is put in the place of a value.

use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes192, Aes256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use serde::Deserialize;
use sha2::{Digest, Sha256, Sha512};

use crate::api::ApiError;

/// Operators of `/anonymize`.
pub(super) const NAMES: [&str; 6] = ["encrypt", "hash", "keep", "mask", "redact", "replace"];
/// Bytes of a block of AES.
const BLOCK: usize = 16;

/// An operator and its parameters.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "AnonymizerOperator")
)]
pub(super) struct Operator {
    /// `replace`, `redact`, `mask`, `hash`, `encrypt`, `keep`; of `/deanonymize`, `decrypt`.
    #[serde(rename = "type")]
    pub(super) name: String,
    /// `replace`: what is put in the place; `<ENTITY>` unless given.
    #[serde(default)]
    new_value: Option<String>,
    /// `mask`: the character.
    #[serde(default)]
    masking_char: Option<String>,
    /// `mask`: how many characters.
    #[serde(default)]
    chars_to_mask: Option<i64>,
    /// `mask`: whether the last ones.
    #[serde(default)]
    from_end: Option<bool>,
    /// `hash`: `sha256`, unless given, or `sha512`.
    #[serde(default)]
    hash_type: Option<String>,
    /// `hash`: put behind the value.
    #[serde(default)]
    salt: Option<String>,
    /// `encrypt`: 16, 24 or 32 bytes.
    #[serde(default)]
    key: Option<String>,
}

impl Operator {
    /// An operator without parameters.
    pub(super) fn of_name(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// What replaces `value`.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] for parameters that cannot be used.
    pub(super) fn apply(&self, entity: &str, value: &str) -> Result<String, ApiError> {
        match self.name.as_str() {
            "replace" => {
                let new_value = self.new_value.clone().filter(|value| !value.is_empty());
                Ok(new_value.unwrap_or_else(|| format!("<{entity}>")))
            }
            "redact" => Ok(String::new()),
            "keep" => Ok(value.to_owned()),
            "mask" => self.mask(value),
            "hash" => self.hash(value),
            "encrypt" => encrypt(self.key()?, value),
            other => Err(invalid(format!("operator {other:?} is not one of {}", NAMES.join(", ")))),
        }
    }

    /// The value that [`Self::apply`] encrypted.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] for another operator, and for what was not encrypted with the key.
    pub(super) fn undo(&self, value: &str) -> Result<String, ApiError> {
        match self.name.as_str() {
            "decrypt" => decrypt(self.key()?, value),
            other => Err(invalid(format!("operator {other:?} is not supported; use decrypt"))),
        }
    }

    fn mask(&self, value: &str) -> Result<String, ApiError> {
        let mask = self.masking_char.as_deref().unwrap_or("*");
        if mask.chars().count() != 1 {
            return Err(invalid(format!("masking_char {mask:?} is not one character")));
        }
        let length = value.chars().count();
        let masked = self
            .chars_to_mask
            .map_or(length, |count| usize::try_from(count).unwrap_or(0).min(length));
        let is_masked = |place: usize| match self.from_end {
            Some(true) => place >= length - masked,
            _ => place < masked,
        };
        let letters = value.chars().enumerate();
        Ok(letters
            .flat_map(|(place, letter)| {
                let (mask, letter) =
                    if is_masked(place) { (mask, None) } else { ("", Some(letter)) };
                mask.chars().chain(letter)
            })
            .collect())
    }

    fn hash(&self, value: &str) -> Result<String, ApiError> {
        let salted = format!("{value}{}", self.salt.as_deref().unwrap_or_default());
        let hexadecimal =
            |digest: &[u8]| digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        match self.hash_type.as_deref() {
            None | Some("sha256") => Ok(hexadecimal(&Sha256::digest(salted))),
            Some("sha512") => Ok(hexadecimal(&Sha512::digest(salted))),
            Some(other) => {
                Err(invalid(format!("hash_type {other:?} is neither sha256 nor sha512")))
            }
        }
    }

    fn key(&self) -> Result<Aes, ApiError> {
        let key = self.key.as_deref().unwrap_or_default();
        Aes::new(key.as_bytes()).ok_or_else(|| {
            invalid(format!("the key has {} bytes; it must have 16, 24 or 32", key.len()))
        })
    }
}

/// AES with a key of any length.
enum Aes {
    Short(Box<Aes128>),
    Middle(Box<Aes192>),
    Long(Box<Aes256>),
}

impl Aes {
    fn new(key: &[u8]) -> Option<Self> {
        match key.len() {
            16 => Aes128::new_from_slice(key).ok().map(|aes| Self::Short(Box::new(aes))),
            24 => Aes192::new_from_slice(key).ok().map(|aes| Self::Middle(Box::new(aes))),
            32 => Aes256::new_from_slice(key).ok().map(|aes| Self::Long(Box::new(aes))),
            _ => None,
        }
    }

    fn encrypt(&self, block: [u8; BLOCK]) -> [u8; BLOCK] {
        let mut block = Array::from(block);
        match self {
            Self::Short(aes) => aes.encrypt_block(&mut block),
            Self::Middle(aes) => aes.encrypt_block(&mut block),
            Self::Long(aes) => aes.encrypt_block(&mut block),
        }
        block.into()
    }

    fn decrypt(&self, block: [u8; BLOCK]) -> [u8; BLOCK] {
        let mut block = Array::from(block);
        match self {
            Self::Short(aes) => aes.decrypt_block(&mut block),
            Self::Middle(aes) => aes.decrypt_block(&mut block),
            Self::Long(aes) => aes.decrypt_block(&mut block),
        }
        block.into()
    }
}

/// AES in CBC mode with PKCS #7 padding, behind a random initialization vector, in base64url: Presidio's
/// form. It is not authenticated.
fn encrypt(aes: Aes, value: &str) -> Result<String, ApiError> {
    let mut vector = [0; BLOCK];
    getrandom::fill(&mut vector)
        .map_err(|error| ApiError::Internal(format!("no random bytes: {error}")))?;
    let padding = BLOCK - value.len() % BLOCK;
    let padded = [value.as_bytes(), &vec![padding as u8; padding]].concat();
    let mut written = vector.to_vec();
    for block in padded.as_chunks::<BLOCK>().0 {
        let mixed = std::array::from_fn(|place| block[place] ^ vector[place]);
        vector = aes.encrypt(mixed);
        written.extend_from_slice(&vector);
    }
    Ok(URL_SAFE.encode(written))
}

fn decrypt(aes: Aes, value: &str) -> Result<String, ApiError> {
    let wrong = || invalid("a value was not encrypted with this key".to_owned());
    let bytes = URL_SAFE.decode(value).map_err(|_| wrong())?;
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    if blocks.len() < 2 || !rest.is_empty() {
        return Err(wrong());
    }
    let mut plain = Vec::with_capacity(bytes.len());
    for two in blocks.windows(2) {
        let mixed = aes.decrypt(two[1]);
        plain.extend((0..BLOCK).map(|place| mixed[place] ^ two[0][place]));
    }
    let padding = usize::from(plain.last().copied().unwrap_or_default());
    let kept = plain.len().checked_sub(padding).filter(|_| (1..=BLOCK).contains(&padding));
    let kept = kept.filter(|kept| plain[*kept..].iter().all(|byte| usize::from(*byte) == padding));
    plain.truncate(kept.ok_or_else(wrong)?);
    String::from_utf8(plain).map_err(|_| wrong())
}

fn invalid(message: String) -> ApiError {
    ApiError::Invalid(message)
}
