use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

use super::free::FreeSlots;
use super::image::{MemoryBounds, MemoryImage};
use super::slot::Slot;

/// Bytes that an instance wrote and that stay in memory for the next. The default model writes
/// less than half of it while it infers on a short text.
const KEEP: usize = 8 << 20;

/// Linear memories, each in a slot that is used again.
#[derive(Debug)]
pub struct MemorySlots {
    images: Mutex<BTreeMap<MemoryBounds, Arc<MemoryImage>>>,
    free: FreeSlots<Key>,
}

/// What a slot was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    bounds: MemoryBounds,
    capacity: usize,
    guard: usize,
}

impl MemorySlots {
    /// No slots yet, and no images.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { images: Mutex::default(), free: FreeSlots::new(KEEP) })
    }

    /// Starts every memory with `bounds` from `image`, from now on.
    pub fn insert(&self, bounds: MemoryBounds, image: MemoryImage) {
        let mut images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        images.insert(bounds, Arc::new(image));
    }

    /// Gives all but `keep` of the slots that nobody uses back.
    pub(crate) fn shrink(&self, keep: usize) {
        self.free.shrink(keep);
    }

    fn image(&self, bounds: MemoryBounds) -> Option<Arc<MemoryImage>> {
        self.images.lock().unwrap_or_else(PoisonError::into_inner).get(&bounds).cloned()
    }
}

/// The creator that Wasmtime is given.
#[derive(Debug)]
pub(crate) struct Creator(pub(crate) Arc<MemorySlots>);

// SAFETY: a slot reserves what is asked for and its guard, all inaccessible but for the bytes
// the memory has grown to; it belongs to one memory at a time, and never moves.
unsafe impl MemoryCreator for Creator {
    fn new_memory(
        &self,
        memory: MemoryType,
        minimum: usize,
        maximum: Option<usize>,
        reserved: Option<usize>,
        guard: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        let bounds = MemoryBounds { minimum: memory.minimum(), maximum: memory.maximum() };
        let capacity = reserved.or(maximum).unwrap_or(minimum).max(minimum);
        let key = Key { bounds, capacity, guard };
        let slot = match self.0.free.take(key) {
            Some(slot) => slot,
            None => Slot::new(capacity, guard, minimum, self.0.image(bounds))
                .map_err(|error| format!("cannot reserve {capacity} bytes: {error}"))?,
        };
        let memories = Arc::clone(&self.0);
        Ok(Box::new(Memory { memories, key, slot: Some(slot), size: minimum, capacity }))
    }
}

/// A linear memory; its slot is reset and kept when it is dropped.
struct Memory {
    memories: Arc<MemorySlots>,
    key: Key,
    /// Taken by `drop` only.
    slot: Option<Slot>,
    size: usize,
    capacity: usize,
}

// SAFETY: see `Creator`.
unsafe impl LinearMemory for Memory {
    fn byte_size(&self) -> usize {
        self.size
    }

    fn byte_capacity(&self) -> usize {
        self.capacity
    }

    fn grow_to(&mut self, size: usize) -> wasmtime::Result<()> {
        if size > self.capacity {
            wasmtime::bail!("a memory cannot grow to {size} bytes");
        }
        if let Some(slot) = &mut self.slot {
            slot.grow(size)?;
        }
        self.size = size;
        Ok(())
    }

    fn as_ptr(&self) -> *mut u8 {
        self.slot.as_ref().map_or(std::ptr::null_mut(), |slot| slot.base().as_ptr())
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            self.memories.free.put(self.key, slot);
        }
    }
}
