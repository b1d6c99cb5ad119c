//! A key of the keyring: one secret, and a key derived from it for each purpose.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use aes_gcm::aead::{Key as Bytes, KeyInit};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use serde::Serialize;
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

use crate::cipher::{Cipher, Keyed};
use crate::uses::Uses;

/// Minimum number of bytes of a secret.
pub(crate) const SHORTEST: usize = 32;
/// Longest name of a key.
const LONGEST_ID: usize = 32;

/// Identifier of a key in its keyring and in tokens: 1 to 32 letters (A to Z, a to z), digits,
/// dashes and underscores.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct KeyId(String);

/// A text that no key can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an identifier of a key; use 1 to {LONGEST_ID} letters (A to Z, a to z), digits, `-` and \
     `_`"
)]
pub struct BadKeyId;

impl KeyId {
    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for KeyId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyId {
    type Err = BadKeyId;

    fn from_str(text: &str) -> Result<Self, BadKeyId> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let valid = (1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(fits);
        if valid { Ok(Self(text.to_owned())) } else { Err(BadKeyId) }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How often a key was used, by cipher.
pub(crate) type Counts = [Uses; Cipher::ALL.len()];

/// A key, expanded for all that it may be used for. Its parts overwrite themselves when they are
/// dropped.
pub(crate) struct Key {
    id: KeyId,
    pseudonyms: Hmac<Sha256>,
    aes: Keyed,
    sm4: Keyed,
    uses: Arc<Counts>,
}

impl Key {
    /// Derives what is needed from a secret that is random, and has at least [`SHORTEST`] bytes.
    pub(crate) fn new(id: KeyId, secret: &[u8], uses: Arc<Counts>) -> Self {
        let secret = Hkdf::new(None, secret);
        Self {
            pseudonyms: derive(&secret, "pseudonym", &id),
            aes: Keyed::Aes256Gcm(Box::new(derive(&secret, Cipher::Aes256Gcm.as_str(), &id))),
            sm4: Keyed::Sm4Gcm(Box::new(derive(&secret, Cipher::Sm4Gcm.as_str(), &id))),
            id,
            uses,
        }
    }

    pub(crate) fn id(&self) -> &KeyId {
        &self.id
    }

    pub(crate) fn cipher(&self, cipher: Cipher) -> &Keyed {
        match cipher {
            Cipher::Aes256Gcm => &self.aes,
            Cipher::Sm4Gcm => &self.sm4,
        }
    }

    /// HMAC-SHA-256 (RFC 2104) of the parts, one after the other.
    pub(crate) fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.pseudonyms.clone();
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }

    pub(crate) fn uses(&self, cipher: Cipher) -> &Uses {
        let [aes, sm4] = &*self.uses;
        match cipher {
            Cipher::Aes256Gcm => aes,
            Cipher::Sm4Gcm => sm4,
        }
    }

    pub(crate) fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.uses)
    }
}

/// HKDF-SHA-256 (RFC 5869), so that no two algorithms, and no two keys of a keyring, share a key.
#[allow(clippy::expect_used, reason = "no key is longer than 255 hashes")]
fn derive<K: KeyInit>(secret: &Hkdf<Sha256>, purpose: &str, id: &KeyId) -> K {
    let mut key = Bytes::<K>::default();
    let info = format!("pilotlight-deidentify 1 {purpose} {id}");
    secret.expand(info.as_bytes(), &mut key).expect("at most 64 bytes");
    let keyed = K::new(&key);
    key.as_mut_slice().zeroize();
    keyed
}

/// A new secret from the operating system's random bytes.
pub(crate) fn random_secret() -> Result<Zeroizing<[u8; SHORTEST]>, getrandom::Error> {
    let mut secret = Zeroizing::new([0; SHORTEST]);
    getrandom::fill(secret.as_mut_slice())?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use aes_gcm::Aes256Gcm;
    use sha2::Sha256;
    use zeroize::ZeroizeOnDrop;

    use crate::cipher::Sm4Gcm;

    #[test]
    fn keys_overwrite_themselves() {
        // A matter of features of other crates. Hmac consists of states of its hash.
        fn overwritten<K: ZeroizeOnDrop>() {}
        overwritten::<Sha256>();
        overwritten::<Aes256Gcm>();
        overwritten::<Sm4Gcm>();
    }
}
