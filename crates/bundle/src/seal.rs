use pilotlight_model::Digest;

use crate::bundle::Bundle;
use crate::error::{Broken, Refused};
use crate::key::SigningKey;
use crate::section::{self, MARK, SEAL};
use crate::signature::{self, Signature};

/// Seals a component with `manifest` and returns its digest. An earlier seal is replaced, and its
/// signatures go with it.
///
/// # Errors
/// [`Broken`] when it is no component or its earlier seal does not fit: nothing is changed then,
/// and nothing damaged is sealed anew.
pub fn seal(component: &mut Vec<u8>, manifest: &[u8]) -> Result<Digest, Broken> {
    let end = Bundle::read(component)?.map(|bundle| bundle.component().len());
    let header = section::header(SEAL, manifest.len().saturating_add(32 + MARK.len()))
        .ok_or(Broken::ManifestTooLarge(manifest.len()))?;
    component.truncate(end.unwrap_or(component.len()));
    component.extend_from_slice(&header);
    component.extend_from_slice(manifest);
    let digest = Digest::of(component);
    component.extend_from_slice(digest.as_bytes());
    component.extend_from_slice(MARK);
    Ok(digest)
}

/// Signs a sealed component. An earlier signature by the same key is replaced.
///
/// # Errors
/// [`Refused::Unsealed`], and [`Refused::Broken`] when its seal does not fit.
pub fn sign(component: &mut Vec<u8>, key: &SigningKey) -> Result<(), Refused> {
    let bundle = Bundle::read(component)?.ok_or(Refused::Unsealed)?;
    let signature = Signature::new(&bundle.digest(), key);
    let earlier = bundle.signatures().to_vec();
    component.truncate(component.len() - earlier.len() * signature::LENGTH);
    let others = earlier.iter().filter(|earlier| earlier.key() != signature.key());
    others.chain([&signature]).for_each(|signature| signature.append_to(component));
    Ok(())
}
