//! How often a key was used.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Maximum number of tokens that a key may make with random nonces of 96 bits (NIST SP 800-38D, 8.3).
pub(crate) const MOST: u64 = 1 << 32;

/// Counts what one key made with one cipher, in this process.
#[derive(Debug, Default)]
pub(crate) struct Uses(AtomicU64);

impl Uses {
    /// Counts one more, unless there have been too many.
    pub(crate) fn take(&self) -> bool {
        self.0.try_update(Relaxed, Relaxed, |made| (made < MOST).then_some(made + 1)).is_ok()
    }

    pub(crate) fn made(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST, Uses};

    #[test]
    fn a_key_is_not_used_oftener_than_its_nonces_allow() {
        let uses = Uses((MOST - 2).into());
        assert_eq!(
            [uses.take(), uses.take(), uses.take(), uses.take()],
            [true, true, false, false]
        );
        assert_eq!(uses.made(), MOST);
    }
}
