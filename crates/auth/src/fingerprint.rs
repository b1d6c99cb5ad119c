//! What is kept of a secret, to know it again.

use std::fmt;

use pilotlight_model::Digest;
use subtle::ConstantTimeEq as _;

/// SHA-256 of a secret. Does not show itself.
pub(crate) struct Fingerprint(Digest);

impl Fingerprint {
    pub(crate) fn of(secret: &[u8]) -> Self {
        Self(Digest::of(secret))
    }

    /// Reads 64 hexadecimal digits.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        Digest::from_hex(text).map(Self)
    }

    pub(crate) fn to_hex(&self) -> String {
        self.0.to_string()
    }

    /// Compares in a time that does not depend on what is compared.
    pub(crate) fn is_of(&self, secret: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(Digest::of(secret).as_bytes()).into()
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(…)")
    }
}
