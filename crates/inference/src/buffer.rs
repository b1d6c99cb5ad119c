//! Memory for tensors, used again: in a steady state nothing that grows with the tensors is
//! allocated.
//!
//! Free blocks are kept by size class, powers of two. A block is handed out to one owner, who
//! fills it; then any number of readers may share it, and the last of them gives it back.

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde::Serialize;

const SMALLEST_CLASS: u32 = 8;
/// Larger blocks come from the operating system each time, and go back to it.
const LARGEST_CLASS: u32 = 26;
const CLASSES: usize = (LARGEST_CLASS - SMALLEST_CLASS + 1) as usize;

/// Blocks of memory that are free. Clones share it.
#[derive(Debug, Clone)]
pub struct Buffers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    classes: [Mutex<Vec<Arc<Vec<u8>>>>; CLASSES],
    /// Bytes that lie free.
    free: AtomicUsize,
    most_free: usize,
    taken: AtomicU64,
    allocated: AtomicU64,
}

/// Counters of a buffer pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BufferStatus {
    /// Buffers handed out since the start.
    pub taken: u64,
    /// Number of buffers that had to be allocated.
    pub allocated: u64,
    /// Bytes that lie free.
    pub free_bytes: usize,
}

/// Memory that can be read, by any number of owners.
#[derive(Debug, Clone)]
pub struct Buffer(Block);

/// Memory that one owner may write.
#[derive(Debug)]
pub struct BufferMut(Block);

/// A block, given back by the last of its owners.
#[derive(Debug, Clone)]
struct Block {
    /// `None` once it was given back.
    bytes: Option<Arc<Vec<u8>>>,
    home: Weak<Inner>,
}

impl Drop for Block {
    fn drop(&mut self) {
        if let (Some(bytes), Some(home)) = (self.bytes.take(), self.home.upgrade()) {
            home.give_back(bytes);
        }
    }
}

impl Buffers {
    /// A pool that keeps up to `most_free` bytes for later.
    pub fn new(most_free: usize) -> Self {
        Self(Arc::new(Inner {
            classes: std::array::from_fn(|_| Mutex::default()),
            free: AtomicUsize::new(0),
            most_free,
            taken: AtomicU64::new(0),
            allocated: AtomicU64::new(0),
        }))
    }

    /// Memory with the content of `bytes`.
    pub fn copied(&self, bytes: &[u8]) -> Buffer {
        self.filled(bytes.len(), |memory| memory.extend_from_slice(bytes)).freeze()
    }

    /// Memory with the content of `parts`, one after the other.
    pub fn gathered<'a>(&self, parts: impl Iterator<Item = &'a [u8]> + Clone) -> Buffer {
        let length = parts.clone().map(<[u8]>::len).sum();
        self.filled(length, |memory| parts.for_each(|part| memory.extend_from_slice(part))).freeze()
    }

    /// `length` bytes of zeros: nothing of a former owner can be read.
    pub fn zeroed(&self, length: usize) -> BufferMut {
        self.filled(length, |memory| memory.resize(length, 0))
    }

    /// Current counters.
    pub fn status(&self) -> BufferStatus {
        let Inner { taken, allocated, free, .. } = &*self.0;
        BufferStatus {
            taken: taken.load(Ordering::Relaxed),
            allocated: allocated.load(Ordering::Relaxed),
            free_bytes: free.load(Ordering::Relaxed),
        }
    }

    fn filled(&self, length: usize, fill: impl FnOnce(&mut Vec<u8>)) -> BufferMut {
        let mut bytes = self.0.take(length);
        match Arc::get_mut(&mut bytes) {
            Some(memory) => {
                memory.clear();
                fill(memory);
            }
            // Not reached: what lies free has no other owner.
            None => {
                let mut memory = Vec::with_capacity(length);
                fill(&mut memory);
                bytes = Arc::new(memory);
            }
        }
        BufferMut(Block { bytes: Some(bytes), home: Arc::downgrade(&self.0) })
    }
}

/// The class whose blocks hold `length` bytes; `None` when none does.
fn class(length: usize) -> Option<usize> {
    let bits = length.max(1).checked_next_power_of_two()?.trailing_zeros().max(SMALLEST_CLASS);
    (bits <= LARGEST_CLASS).then_some((bits - SMALLEST_CLASS) as usize)
}

impl Inner {
    fn take(&self, length: usize) -> Arc<Vec<u8>> {
        self.taken.fetch_add(1, Ordering::Relaxed);
        let class = class(length);
        let free = class.and_then(|class| self.lock(class).pop());
        if let Some(bytes) = free {
            self.free.fetch_sub(bytes.capacity(), Ordering::Relaxed);
            return bytes;
        }
        self.allocated.fetch_add(1, Ordering::Relaxed);
        let capacity = class.map_or(length, |class| 1 << (class as u32 + SMALLEST_CLASS));
        Arc::new(Vec::with_capacity(capacity))
    }

    fn give_back(&self, mut bytes: Arc<Vec<u8>>) {
        // Another owner gives it back, or it is on its way to a guest.
        let Some(memory) = Arc::get_mut(&mut bytes) else { return };
        let capacity = memory.capacity();
        let Some(class) = class(capacity) else { return };
        if self.free.fetch_add(capacity, Ordering::Relaxed) + capacity > self.most_free {
            self.free.fetch_sub(capacity, Ordering::Relaxed);
            return;
        }
        self.lock(class).push(bytes);
    }

    fn lock(&self, class: usize) -> std::sync::MutexGuard<'_, Vec<Arc<Vec<u8>>>> {
        self.classes[class].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Buffer {
    /// The memory itself, for those who keep it no longer than this buffer lives: while a copy
    /// is alive the memory cannot be used again.
    pub fn share(&self) -> Arc<Vec<u8>> {
        self.0.bytes.clone().unwrap_or_default()
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.bytes.as_deref().map_or(&[], Vec::as_slice)
    }
}

impl BufferMut {
    /// Ends the writing.
    pub fn freeze(self) -> Buffer {
        Buffer(self.0)
    }

    /// The bytes to write.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // It has one owner: the pool hands out nothing else.
        let bytes = self.0.bytes.as_mut().and_then(Arc::get_mut);
        bytes.map_or(&mut [], Vec::as_mut_slice)
    }
}
