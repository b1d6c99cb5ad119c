//! Ed25519 keys (RFC 8032), in the files that OpenSSL writes and reads.

use std::fmt;
use std::path::PathBuf;

use ed25519_dalek::Signer as _;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
    KeypairBytes,
};
use pilotlight_model::Digest;
use zeroize::Zeroizing;

/// What stands before the 32 bytes of a public key in its SubjectPublicKeyInfo (RFC 8410).
const PUBLIC_KEY_INFO: [u8; 12] = *b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";

/// Errors of keys.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text holds no private key.
    #[error(
        "not an unencrypted Ed25519 private key in PKCS#8 PEM ({0}); `pilotlight keygen` or \
         `openssl genpkey -algorithm ed25519` creates one"
    )]
    NotPrivate(String),
    /// The text holds no public key.
    #[error("not an Ed25519 public key in PEM ({0}); `openssl pkey -in KEY -pubout` prints one")]
    NotPublic(String),
    /// Signatures by such a key prove nothing.
    #[error("weak Ed25519 key (small order): it accepts forged signatures; use another key")]
    Weak,
    /// A key could not be written as PEM.
    #[error("the key cannot be written as PEM: {0}")]
    Unwritable(String),
    /// The operating system gave no random bytes.
    #[error("the operating system returned no random bytes: {0}")]
    Random(getrandom::Error),
    /// Others can read the private key.
    #[error(
        "{}: contains a private key that other users can read (mode {mode:04o}); run chmod 600",
        path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file does not hold the key that it should.
    #[error("{}: {error}", path.display())]
    In {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: Box<KeyError>,
    },
}

/// Identifier of a key: the SHA-256 of its SubjectPublicKeyInfo, as `openssl pkey -pubin -in KEY
/// -outform DER | sha256sum` prints it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(Digest);

impl KeyId {
    pub(crate) fn new(bytes: [u8; 32]) -> Self {
        Self(Digest::from(bytes))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A public key: tells who signed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct VerifyingKey(ed25519_dalek::VerifyingKey);

impl VerifyingKey {
    /// Parses what `openssl pkey -pubout` prints.
    ///
    /// # Errors
    /// [`KeyError::NotPublic`] for anything else, [`KeyError::Weak`] for a point of small order.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let key = ed25519_dalek::VerifyingKey::from_public_key_pem(pem)
            .map_err(|error| KeyError::NotPublic(error.to_string()))?;
        if key.is_weak() { Err(KeyError::Weak) } else { Ok(Self(key)) }
    }

    /// The key as `openssl pkey -pubout` prints it.
    ///
    /// # Errors
    /// [`KeyError::Unwritable`].
    pub fn to_pem(&self) -> Result<String, KeyError> {
        let pem = self.0.to_public_key_pem(LineEnding::LF);
        pem.map_err(|error| KeyError::Unwritable(error.to_string()))
    }

    /// Identifier of the key.
    pub fn id(&self) -> KeyId {
        KeyId(Digest::of(&[PUBLIC_KEY_INFO.as_slice(), self.0.as_bytes()].concat()))
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VerifyingKey").field(&self.id()).finish()
    }
}

/// A private key. It is overwritten when it is dropped, and shows its [`KeyId`] alone.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// A new key from the operating system's random bytes.
    ///
    /// # Errors
    /// [`KeyError::Random`] when there are none.
    pub fn generate() -> Result<Self, KeyError> {
        let mut secret = Zeroizing::new([0; 32]);
        getrandom::fill(secret.as_mut_slice()).map_err(KeyError::Random)?;
        Ok(Self(ed25519_dalek::SigningKey::from_bytes(&secret)))
    }

    /// Parses what `openssl genpkey -algorithm ed25519` writes.
    ///
    /// # Errors
    /// [`KeyError::NotPrivate`] for anything else.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let key = ed25519_dalek::SigningKey::from_pkcs8_pem(pem);
        key.map(Self).map_err(|error| KeyError::NotPrivate(error.to_string()))
    }

    /// The key as `openssl genpkey -algorithm ed25519` writes it.
    ///
    /// # Errors
    /// [`KeyError::Unwritable`].
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        // With the public key inside it would be PKCS#8 version 2, which OpenSSL 3.0 cannot read.
        let alone = KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        alone.to_pkcs8_pem(LineEnding::LF).map_err(|error| KeyError::Unwritable(error.to_string()))
    }

    /// Its public half.
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(self.0.verifying_key())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.verifying_key().id()).finish()
    }
}
