//! New keyrings, and new keys in them.

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::key::{KeyId, random_secret};
use crate::keyring::Keyring;
use crate::keyring_error::KeyringError;
use crate::keyring_file::{self, RingFile};
use crate::private_file::{self, io};

/// Room for a key that is added, so that no text with secrets is moved in memory.
const ROOM: usize = 256;

impl Keyring {
    /// Writes a keyring with one new key to a file that only its owner can read: whole or not at all,
    /// and never over a file that is there.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub fn generate(path: &Path, id: &KeyId) -> Result<(), KeyringError> {
        let mut text = Zeroizing::new(String::with_capacity(ROOM));
        text.push_str(&format!("active = \"{id}\"\n"));
        push_key(&mut text, id)?;
        private_file::create(path, &text)
    }

    /// Adds a new key to the keyring in a file, and makes it the active one. All else that is written
    /// there stays, comments too. Whoever reads the file meanwhile finds the old keyring or the new
    /// one; it stays its owner's.
    ///
    /// # Errors
    /// [`KeyringError`]; then nothing has changed.
    pub fn rotate(path: &Path, id: &KeyId) -> Result<(), KeyringError> {
        // What a link leads to is replaced, not the link.
        let path = &fs::canonicalize(path).map_err(io(path))?;
        let _lock = lock(path)?;
        let old = private_file::read(path)?;
        let file = keyring_file::parse(&old, path)?;
        if file.ids().any(|there| there == id) {
            return Err(KeyringError::KeyExists { path: path.clone(), id: id.clone() });
        }
        let text = with_key(&old, &file, id)?;
        let has = |new: &RingFile| new.active.0 == *id && new.ids().count() > file.ids().count();
        if !keyring_file::parse(&text, path).is_ok_and(|new| has(&new)) {
            return Err(KeyringError::Unextendable { path: path.clone() });
        }
        private_file::replace(path, &text)
    }
}

/// The text of a keyring's file with one key more, which is active.
fn with_key(old: &str, file: &RingFile, id: &KeyId) -> Result<Zeroizing<String>, KeyringError> {
    let mut text = Zeroizing::new(String::with_capacity(old.len() + ROOM));
    text.push_str(old.get(..file.active_at.start).unwrap_or_default());
    text.push_str(&format!("\"{id}\""));
    text.push_str(old.get(file.active_at.end..).unwrap_or_default());
    if !text.ends_with('\n') {
        text.push('\n');
    }
    push_key(&mut text, id)?;
    Ok(text)
}

fn push_key(text: &mut String, id: &KeyId) -> Result<(), KeyringError> {
    let secret = random_secret()?;
    text.push_str(&format!("\n[keys.{id}]\nsecret = \""));
    STANDARD.encode_string(secret.as_slice(), text);
    text.push_str("\"\n");
    Ok(())
}

/// Locks a file that is replaced by renaming; the lock goes with the process.
fn lock(path: &Path) -> Result<File, KeyringError> {
    loop {
        let file = File::open(path).map_err(io(path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(KeyringError::Busy { path: path.to_owned() });
            }
            Err(TryLockError::Error(error)) => return Err(io(path)(error)),
        }
        // Whoever held the lock before has put another file into its place.
        let (held, there) = (file.metadata(), fs::metadata(path));
        let (held, there) = (held.map_err(io(path))?, there.map_err(io(path))?);
        if (held.dev(), held.ino()) == (there.dev(), there.ino()) {
            return Ok(file);
        }
    }
}
