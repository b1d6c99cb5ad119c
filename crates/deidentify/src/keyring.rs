use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cipher::Cipher;
use crate::key::{Key, KeyId};
use crate::keyring_error::KeyringError;
use crate::keyring_file::{self, Source};
use crate::private_file;

/// The keys of a file: the active one makes new tokens, all of them decrypt. It does not change,
/// and is cheap to clone: to rotate keys, a keyring is read again and put in the place of the old one.
///
/// Its `Debug` shows no more than what the keys are called.
#[derive(Clone)]
pub struct Keyring(Arc<Keys>);

struct Keys {
    path: PathBuf,
    files: Vec<PathBuf>,
    active: Key,
    others: BTreeMap<KeyId, Key>,
}

impl Keyring {
    /// Reads a keyring's file, and the files that it names. As with ssh, one that its group or others
    /// may read or write is refused.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub fn read(path: &Path) -> Result<Self, KeyringError> {
        Self::continuing(path, None)
    }

    /// Reads the same file again. Keys of the same name go on counting their uses.
    ///
    /// # Errors
    /// [`KeyringError`]; this keyring can be used further.
    pub fn read_again(&self) -> Result<Self, KeyringError> {
        Self::continuing(&self.0.path, Some(self))
    }

    fn continuing(path: &Path, before: Option<&Self>) -> Result<Self, KeyringError> {
        let text = private_file::read(path)?;
        let file = keyring_file::parse(&text, path)?;
        let mut files = vec![path.to_owned()];
        let mut key = |(id, source): (KeyId, Source)| -> Result<Key, KeyringError> {
            let secret = match source {
                Source::Here(secret) => secret,
                Source::File(file) => {
                    let file = path.with_file_name(file);
                    let secret = keyring_file::read_secret(&file, path, &id)?;
                    files.push(file);
                    secret
                }
            };
            let uses = before.and_then(|keyring| keyring.key(id.as_str())).map(Key::counts);
            Ok(Key::new(id, &secret, uses.unwrap_or_default()))
        };
        let active = key(file.active)?;
        let others = file.others.into_iter().map(|(id, source)| key((id, source)));
        let others = others.map(|key| key.map(|key| (key.id().clone(), key)));
        let others = others.collect::<Result<_, _>>()?;
        Ok(Self(Arc::new(Keys { path: path.to_owned(), files, active, others })))
    }

    /// Identifier of the key that makes new tokens.
    pub fn active(&self) -> &KeyId {
        self.0.active.id()
    }

    /// Identifiers of its keys, the active one first.
    pub fn ids(&self) -> impl Iterator<Item = &KeyId> {
        [self.active()].into_iter().chain(self.0.others.keys())
    }

    /// The files that were read, the keyring's own first: when one of them changes, it is time to
    /// read them again.
    pub fn files(&self) -> &[PathBuf] {
        &self.0.files
    }

    /// Number of values that the active key has encrypted with a cipher in this process. The
    /// maximum is 2^32.
    pub fn encrypted(&self, cipher: Cipher) -> u64 {
        self.0.active.uses(cipher).made()
    }

    pub(crate) fn active_key(&self) -> &Key {
        &self.0.active
    }

    pub(crate) fn key(&self, id: &str) -> Option<&Key> {
        if id == self.active().as_str() { Some(&self.0.active) } else { self.0.others.get(id) }
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.ids().map(KeyId::as_str).collect();
        f.debug_struct("Keyring")
            .field("active", &self.active().as_str())
            .field("keys", &ids)
            .finish()
    }
}
