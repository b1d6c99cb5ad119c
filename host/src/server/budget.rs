//! Memory for the bodies of requests, which all clients share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::paced::BodyRefused;

/// How much there is, and how much of it is taken.
#[derive(Debug)]
pub(super) struct Budget {
    limit: u64,
    taken: AtomicU64,
}

/// What a body takes, given back when dropped.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Budget {
    pub(super) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self { limit, taken: AtomicU64::new(0) })
    }

    /// Nothing yet, for a body that says it has `announced` bytes at least.
    ///
    /// # Errors
    /// [`BodyRefused::NoRoom`], if that is more than is left.
    pub(super) fn share(self: Arc<Self>, announced: u64) -> Result<Share, BodyRefused> {
        let left = self.limit.saturating_sub(self.taken.load(Ordering::Relaxed));
        // What is only announced is not taken: it costs its client nothing.
        if announced > left {
            return Err(BodyRefused::NoRoom);
        }
        Ok(Share { budget: self, bytes: 0 })
    }
}

impl Share {
    /// Takes `bytes` more.
    ///
    /// # Errors
    /// [`BodyRefused::NoRoom`], if they are more than is left.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), BodyRefused> {
        let bytes = bytes as u64;
        let taken = self.budget.taken.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        self.bytes += bytes;
        if taken > self.budget.limit { Err(BodyRefused::NoRoom) } else { Ok(()) }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_share_what_there_is_and_give_it_back() {
        let budget = Budget::new(10);
        let share = |announced| Arc::clone(&budget).share(announced);
        let (mut one, mut other) = (share(10).unwrap(), share(10).unwrap());
        one.grow(6).unwrap();
        assert!(matches!(share(5), Err(BodyRefused::NoRoom)));
        assert!(matches!(other.grow(5), Err(BodyRefused::NoRoom)));
        drop(other);
        share(4).unwrap().grow(4).unwrap();
        drop(one);
        share(10).unwrap().grow(10).unwrap();
    }
}
