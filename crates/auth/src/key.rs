//! API keys: `pl_`, an id, `_`, and 160 random bits.

use std::fmt;

use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use crate::error::{Error, InvalidValue};
use crate::fingerprint::Fingerprint;

/// What every key begins with, so that it is known for one wherever it turns up.
pub(crate) const PREFIX: &str = "pl_";
/// A character for each 5 bits (RFC 4648, section 6, in lower case).
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// 160 bits.
const RANDOM: usize = 32;
const LONGEST_RANDOM: usize = 64;
const LONGEST_ID: usize = 32;

/// A new API key, to be given to who will use it; what is kept is its [`entry`](Self::entry).
/// It is overwritten when it is dropped, and does not show itself.
pub struct ApiKey {
    id: String,
    key: Zeroizing<String>,
}

impl ApiKey {
    /// A new key from the operating system's random bytes.
    ///
    /// # Errors
    /// [`Error::Invalid`] when `id` is not 1 to 32 of `a-z`, `0-9` and `-`, [`Error::Random`] when
    /// there are no random bytes.
    pub fn generate(id: &str) -> Result<Self, Error> {
        check_id(id).map_err(|message| InvalidValue::new("id", message))?;
        let mut random = Zeroizing::new([0; RANDOM]);
        SystemRandom::new().fill(random.as_mut_slice()).map_err(|_| Error::Random)?;
        let mut key = String::with_capacity(PREFIX.len() + id.len() + 1 + RANDOM);
        key.push_str(PREFIX);
        key.push_str(id);
        key.push('_');
        key.extend(random.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])));
        Ok(Self { id: id.to_owned(), key: Zeroizing::new(key) })
    }

    /// The key itself.
    pub fn expose(&self) -> &str {
        &self.key
    }

    /// The table to append to the file of keys, from which the key cannot be found again.
    pub fn entry(&self) -> String {
        let digest = Fingerprint::of(self.key.as_bytes()).to_hex();
        format!("[keys.{}]\nsha256 = \"{digest}\"\n", self.id)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Whether keys can be called `id`: it has no `_`, at which a key is parted.
pub(crate) fn check_id(id: &str) -> Result<(), &'static str> {
    let fits = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    if (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(fits) {
        return Ok(());
    }
    Err("not an identifier of a key; use 1 to 32 of a-z, 0-9 and -")
}

/// The id of a key that is long enough not to be guessed.
pub(crate) fn id_of(key: &str) -> Option<&str> {
    let (id, random) = key.strip_prefix(PREFIX)?.split_once('_')?;
    let random_enough = (RANDOM..=LONGEST_RANDOM).contains(&random.len())
        && random.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (check_id(id).is_ok() && random_enough).then_some(id)
}
