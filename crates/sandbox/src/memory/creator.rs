use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

use super::free::FreeSlots;
use super::image::{InitialMemory, MemoryBounds};
use super::slot::Slot;

/// Bytes that an instance wrote and that stay in memory for the next. The default model writes
/// less than half of it while it infers on a short text.
const KEEP: usize = 8 << 20;
/// Bytes of a WebAssembly page.
const PAGE: u64 = 1 << 16;

/// Linear memories, each in a slot that is used again.
#[derive(Debug)]
pub struct MemorySlots {
    initial: Mutex<Initial>,
    free: FreeSlots<Key>,
}

type Initial = BTreeMap<MemoryBounds, InitialMemory>;

/// What a slot was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    bounds: MemoryBounds,
    capacity: usize,
    guard: usize,
}

impl MemorySlots {
    /// No slots yet; memories start empty.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { initial: Mutex::default(), free: FreeSlots::new(KEEP) })
    }

    /// Starts every memory with `bounds` as `initial`, from now on.
    pub fn insert(&self, bounds: MemoryBounds, initial: InitialMemory) {
        self.lock().insert(bounds, initial);
    }

    /// Bytes that memories start with beyond the minimum of their bounds, which is all that Wasmtime
    /// tells a limiter of.
    pub(crate) fn beyond_minimum(&self) -> usize {
        let beyond = |(bounds, initial): (&MemoryBounds, &InitialMemory)| {
            bytes(initial.pages).saturating_sub(bytes(bounds.minimum))
        };
        self.lock().iter().map(beyond).fold(0, usize::saturating_add)
    }

    /// Gives all but `keep` of the slots that nobody uses back.
    pub(crate) fn shrink(&self, keep: usize) {
        self.free.shrink(keep);
    }

    fn initial(&self, bounds: MemoryBounds) -> Option<InitialMemory> {
        self.lock().get(&bounds).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Initial> {
        self.initial.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes of so many pages; more than there can be if they are more than can be said.
fn bytes(pages: u64) -> usize {
    usize::try_from(pages.saturating_mul(PAGE)).unwrap_or(usize::MAX)
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
        let initial = self.0.initial(bounds);
        let size = initial.as_ref().map_or(minimum, |initial| bytes(initial.pages).max(minimum));
        if maximum.is_some_and(|maximum| size > maximum) {
            return Err(format!(
                "a memory cannot start with {size} bytes: that is above its maximum"
            ));
        }
        let capacity = reserved.or(maximum).unwrap_or(size).max(size);
        let key = Key { bounds, capacity, guard };
        let slot = match self.0.free.take(key) {
            Some(slot) => slot,
            None => Slot::new(capacity, guard, size, initial.map(|initial| initial.image))
                .map_err(|error| format!("cannot reserve {capacity} bytes: {error}"))?,
        };
        let memories = Arc::clone(&self.0);
        Ok(Box::new(Memory { memories, key, slot: Some(slot), size, capacity }))
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
