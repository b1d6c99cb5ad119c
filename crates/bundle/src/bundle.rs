use std::collections::HashSet;

use pilotlight_model::Digest;

use crate::error::Broken;
use crate::key::VerifyingKey;
use crate::section::{self, MARK, SEAL};
use crate::signature::{self, Signature};

/// Length of what follows the manifest in a seal: the digest and the mark.
const TAIL: usize = 32 + MARK.len();

/// A sealed component whose bytes are those that were sealed.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle<'a> {
    component: &'a [u8],
    manifest: &'a [u8],
    digest: Digest,
    signatures: Vec<Signature>,
}

impl<'a> Bundle<'a> {
    /// Reads the end of a component and compares the digest of the rest; `None` for a component
    /// that has no seal.
    ///
    /// No flipped bit makes a component without a seal out of a bundle; cutting it off before its
    /// seal, exactly where a section ends, does. The component itself is not validated.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn read(component: &'a [u8]) -> Result<Option<Self>, Broken> {
        let (sealed, signatures) = signature::split_off(component);
        let Some((before, digest)) =
            sealed.strip_suffix(MARK).and_then(<[u8]>::split_last_chunk::<32>)
        else {
            return match section::first_of_ours(component)? {
                Some(section) => Err(misplaced(&section)),
                None => Ok(None),
            };
        };
        // First, so that nothing further is taken from bytes that nobody sealed.
        let (digest, found) = (Digest::from(*digest), Digest::of(before));
        if digest != found {
            return Err(Broken::Altered { sealed: digest, found });
        }
        let seal = section::first_of_ours(sealed)?.ok_or(Broken::NoSection)?;
        let length = seal.content.len().checked_sub(TAIL);
        let manifest = length.and_then(|length| seal.content.get(..length));
        let (Some(manifest), Some(component), true) =
            (manifest, sealed.get(..seal.start), seal.name == SEAL && seal.end == sealed.len())
        else {
            return Err(misplaced(&seal));
        };
        let mut keys = HashSet::new();
        match signatures.iter().find(|signature| !keys.insert(signature.key())) {
            Some(signature) => Err(Broken::SignedTwice(signature.key())),
            None => Ok(Some(Self { component, manifest, digest, signatures })),
        }
    }

    /// The component as it was before it was sealed.
    pub fn component(&self) -> &'a [u8] {
        self.component
    }

    /// The manifest it was sealed with.
    pub fn manifest(&self) -> &'a [u8] {
        self.manifest
    }

    /// The SHA-256 in the seal: of the component and the manifest, not of the signatures. It is
    /// this version's name.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The signatures, oldest first, whether they are valid or not.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Whether `key` signed exactly this component and manifest.
    pub fn is_signed_by(&self, key: &VerifyingKey) -> bool {
        self.signatures.iter().any(|signature| signature.is_by(key, &self.digest))
    }
}

fn misplaced(section: &section::Section<'_>) -> Broken {
    Broken::Misplaced { section: section.name.to_owned(), at: section.start }
}
