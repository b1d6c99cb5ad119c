use crate::bundle::Bundle;
use crate::error::Refused;
use crate::key::VerifyingKey;

/// Requirement for components before they are run.
#[derive(Debug, Clone, PartialEq)]
pub enum Policy {
    /// A seal that fits: it is whole, whoever built it.
    Digest,
    /// A seal that fits, and a valid signature by at least one of the keys.
    Signature {
        /// The keys that are trusted.
        keys: Vec<VerifyingKey>,
    },
}

impl Policy {
    /// Reads a component and checks all that the policy asks for.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn admit<'a>(&self, component: &'a [u8]) -> Result<Bundle<'a>, Refused> {
        let bundle = Bundle::read(component)?.ok_or(Refused::Unsealed)?;
        self.check(&bundle)?;
        Ok(bundle)
    }

    /// Checks a bundle, whose seal was compared when it was read.
    ///
    /// # Errors
    /// [`Refused::Unsigned`], [`Refused::Untrusted`] or [`Refused::Forged`].
    pub fn check(&self, bundle: &Bundle<'_>) -> Result<(), Refused> {
        let Self::Signature { keys } = self else { return Ok(()) };
        if keys.iter().any(|key| bundle.is_signed_by(key)) {
            return Ok(());
        }
        let signers: Vec<_> = bundle.signatures().iter().map(|signature| signature.key()).collect();
        Err(match keys.iter().map(VerifyingKey::id).find(|id| signers.contains(id)) {
            Some(id) => Refused::Forged(id),
            None if signers.is_empty() => Refused::Unsigned,
            None => Refused::Untrusted(signers),
        })
    }
}
