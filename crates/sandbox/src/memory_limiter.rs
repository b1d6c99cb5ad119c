//! What an instance may have of memory and tables.

use wasmtime::ResourceLimiter;

/// Core instances, memories and tables of one component: the guest, and the adapters around it.
const PARTS: usize = 32;
/// Entries of a table; the guest's function table has some 10,000.
const TABLE_ELEMENTS: usize = 1 << 16;

/// Limits what all memories of an instance have together, and each of its tables.
pub(crate) struct MemoryLimiter {
    limit: usize,
    /// Bytes of all memories.
    memory: usize,
    refused: bool,
}

impl MemoryLimiter {
    /// Allows `limit` bytes of memory, of which `beyond_minimum` are there from the start although
    /// Wasmtime never asks for them.
    pub(crate) fn new(limit: usize, beyond_minimum: usize) -> Self {
        Self { limit, memory: beyond_minimum, refused: false }
    }

    /// Whether more memory was asked for than may be had.
    pub(crate) fn has_refused_memory(&self) -> bool {
        self.refused
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.memory.saturating_add(desired.saturating_sub(current));
        let allowed = total <= self.limit && maximum.is_none_or(|maximum| desired <= maximum);
        if allowed {
            // Not taken back where the kernel refuses it: Wasmtime does not tell which growth failed.
            self.memory = total;
        }
        self.refused |= !allowed;
        Ok(allowed)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS && maximum.is_none_or(|maximum| desired <= maximum))
    }

    fn instances(&self) -> usize {
        PARTS
    }

    fn tables(&self) -> usize {
        PARTS
    }

    fn memories(&self) -> usize {
        PARTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grows(limiter: &mut MemoryLimiter, current: usize, desired: usize) -> bool {
        limiter.memory_growing(current, desired, None).unwrap()
    }

    #[test]
    fn memories_are_counted_together_from_their_first_byte() {
        let mut limiter = MemoryLimiter::new(100, 0);
        assert!(grows(&mut limiter, 0, 40) && grows(&mut limiter, 0, 40));
        assert!(!limiter.has_refused_memory());
        assert!(!grows(&mut limiter, 40, 61), "61 and 40 are more than 100");
        assert!(limiter.has_refused_memory());
        assert!(grows(&mut limiter, 40, 60), "what was refused is not counted");
        assert!(!grows(&mut limiter, 40, 41));
        assert!(!grows(&mut limiter, 0, usize::MAX));
    }

    #[test]
    fn memory_that_is_there_from_the_beginning_counts() {
        assert!(grows(&mut MemoryLimiter::new(100, 60), 0, 40));
        assert!(!grows(&mut MemoryLimiter::new(100, 61), 0, 40));
        assert!(!grows(&mut MemoryLimiter::new(100, 101), 0, 0), "it does not fit by itself");
    }

    #[test]
    fn nothing_grows_beyond_what_it_says_itself() {
        let mut limiter = MemoryLimiter::new(100, 0);
        assert!(!limiter.memory_growing(0, 51, Some(50)).unwrap());
        assert!(!limiter.table_growing(0, 51, Some(50)).unwrap());
        assert!(limiter.table_growing(0, 50, Some(50)).unwrap());
        assert!(!limiter.table_growing(0, TABLE_ELEMENTS + 1, None).unwrap());
    }
}
