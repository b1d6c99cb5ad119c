//! Encoders that several graphs share.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use pilotlight_onnx::Precision;
use sha2::{Digest, Sha256};

use super::model::NativeModel;

/// What an encoder is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key {
    digest: [u8; 32],
    precision: Precision,
}

/// Encoders in use, each of which is made once: versions of a function with the same graph have its
/// weights in memory once.
#[derive(Default)]
pub(super) struct Shared(Mutex<Vec<(Key, Weak<NativeModel>)>>);

impl Shared {
    /// The encoder that was made of these bytes, if one is in use, or the one that `make` makes, which gets their
    /// digest. Others wait meanwhile: they may want the same.
    pub(super) fn get_or_make(
        &self,
        file: &[u8],
        precision: Precision,
        make: impl FnOnce(&[u8; 32]) -> Result<Arc<NativeModel>, String>,
    ) -> Result<Arc<NativeModel>, String> {
        let key = Key { digest: Sha256::digest(file).into(), precision };
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        made.retain(|(_, encoder)| encoder.strong_count() > 0);
        let found = made.iter().find(|(of, _)| *of == key).and_then(|(_, made)| made.upgrade());
        if let Some(found) = found {
            return Ok(found);
        }
        let encoder = make(&key.digest)?;
        made.push((key, Arc::downgrade(&encoder)));
        Ok(encoder)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("Shared").field("encoders", &made.len()).finish()
    }
}
