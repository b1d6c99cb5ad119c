use std::sync::{Mutex, PoisonError};

use super::pagemap::Pagemap;
use super::slot::Slot;

/// Slots that nobody uses, pristine, by what they were made for. The one used last is used
/// next: its pages are the warmest.
#[derive(Debug)]
pub(super) struct FreeSlots<K> {
    slots: Mutex<Vec<(K, Slot)>>,
    pagemap: Option<Pagemap>,
    keep: usize,
}

impl<K: PartialEq> FreeSlots<K> {
    /// Of each slot, up to `keep` bytes that were written stay in memory.
    pub(super) fn new(keep: usize) -> Self {
        Self { slots: Mutex::default(), pagemap: Pagemap::open(), keep }
    }

    pub(super) fn take(&self, key: K) -> Option<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let index = slots.iter().rposition(|(made_for, _)| *made_for == key)?;
        Some(slots.remove(index).1)
    }

    /// Makes a slot pristine and keeps it.
    pub(super) fn put(&self, key: K, mut slot: Slot) {
        match slot.reset(self.pagemap.as_ref(), self.keep) {
            Ok(()) => {
                self.slots.lock().unwrap_or_else(PoisonError::into_inner).push((key, slot));
            }
            // Dropped: what could not be made pristine is not used again.
            Err(error) => tracing::warn!(%error, "a memory slot could not be reset"),
        }
    }

    /// Gives all but the `keep` warmest back.
    pub(super) fn shrink(&self, keep: usize) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let excess = slots.len().saturating_sub(keep);
        let cold: Vec<_> = slots.drain(..excess).collect();
        drop(slots);
        drop(cold);
    }
}
