//! Signatures, in sections of one fixed length after the seal.

use pilotlight_model::Digest;

use crate::key::{KeyId, SigningKey, VerifyingKey};
use crate::section::MARK;

/// A custom section of 117 bytes whose name has 20.
const HEADER: &[u8; 23] = b"\x00\x75\x14pilotlight-signature";
/// Length of a section with a signature.
pub(crate) const LENGTH: usize = HEADER.len() + 32 + 64;

/// A signature of a bundle's digest. Being there it proves nothing: see
/// [`Bundle::is_signed_by`](crate::Bundle::is_signed_by).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    key: KeyId,
    bytes: [u8; 64],
}

impl Signature {
    pub(crate) fn new(digest: &Digest, key: &SigningKey) -> Self {
        Self { key: key.verifying_key().id(), bytes: key.sign(message(digest).as_bytes()) }
    }

    /// The key that is said to have made it.
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// The signature as RFC 8032 has it.
    pub fn bytes(&self) -> &[u8; 64] {
        &self.bytes
    }

    pub(crate) fn is_by(&self, key: &VerifyingKey, digest: &Digest) -> bool {
        self.key == key.id() && key.verifies(message(digest).as_bytes(), &self.bytes)
    }

    pub(crate) fn append_to(&self, component: &mut Vec<u8>) {
        component.extend_from_slice(HEADER);
        component.extend_from_slice(self.key.as_bytes());
        component.extend_from_slice(&self.bytes);
    }
}

/// What is signed. Nothing else that a key may be used for begins so.
fn message(digest: &Digest) -> String {
    format!("pilotlight bundle sha256:{digest}\n")
}

/// Takes the signatures off the end of a file.
pub(crate) fn split_off(mut file: &[u8]) -> (&[u8], Vec<Signature>) {
    let mut signatures = Vec::new();
    while let Some((rest, signature)) = last(file) {
        file = rest;
        signatures.push(signature);
    }
    signatures.reverse();
    (file, signatures)
}

fn last(file: &[u8]) -> Option<(&[u8], Signature)> {
    // A manifest may end with what looks like a signature. No signature looks like the mark: the
    // last byte of one is at most 0x10.
    if file.ends_with(MARK) {
        return None;
    }
    let (rest, section) = file.split_last_chunk::<LENGTH>()?;
    let (key, bytes) = section.strip_prefix(HEADER.as_slice())?.split_first_chunk::<32>()?;
    Some((rest, Signature { key: KeyId::new(*key), bytes: bytes.try_into().ok()? }))
}
