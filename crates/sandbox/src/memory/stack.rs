use std::ops::Range;
use std::sync::Arc;

use wasmtime::{StackCreator, StackMemory};

use super::free::FreeSlots;
use super::pages::round_up;
use super::slot::Slot;

/// Bytes that an instance wrote and that stay in memory for the next.
const KEEP: usize = 256 << 10;

/// Hands fiber stacks to Wasmtime, each in a slot that is wiped and used again.
#[derive(Debug)]
pub(crate) struct Stacks(Arc<FreeSlots<usize>>);

impl Stacks {
    pub(crate) fn new() -> Self {
        Self(Arc::new(FreeSlots::new(KEEP)))
    }
}

// SAFETY: a slot is zero but for what its present owner wrote, has guards on both sides, and
// belongs to one stack at a time.
unsafe impl StackCreator for Stacks {
    fn new_stack(&self, size: usize, _zeroed: bool) -> wasmtime::Result<Box<dyn StackMemory>> {
        let (size, guard) = (round_up(size), round_up(1));
        let slot = match self.0.take(size) {
            Some(slot) => slot,
            None => Slot::new(size, guard, size, None)?,
        };
        Ok(Box::new(Stack { stacks: Arc::clone(&self.0), slot: Some(slot), size, guard }))
    }
}

struct Stack {
    stacks: Arc<FreeSlots<usize>>,
    /// Taken by `drop` only.
    slot: Option<Slot>,
    size: usize,
    guard: usize,
}

impl Stack {
    fn base(&self) -> *mut u8 {
        self.slot.as_ref().map_or(std::ptr::null_mut(), |slot| slot.base().as_ptr())
    }
}

// SAFETY: see `Stacks`.
unsafe impl StackMemory for Stack {
    fn top(&self) -> *mut u8 {
        self.base().wrapping_add(self.size)
    }

    fn range(&self) -> Range<usize> {
        let base = self.base().addr();
        base..base + self.size
    }

    fn guard_range(&self) -> Range<*mut u8> {
        self.base().wrapping_sub(self.guard)..self.base()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            self.stacks.put(self.size, slot);
        }
    }
}
