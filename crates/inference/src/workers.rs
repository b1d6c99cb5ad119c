//! The threads that compute a batch.

/// The threads that compute a batch: the one that runs it, and those that help.
pub trait Workers {
    /// Threads that could take part now, this one included.
    fn threads(&self) -> usize;

    /// Runs `part(0)` … `part(count - 1)`, each once, on this thread and on those that help. Returns when all
    /// have ended.
    fn share(&self, count: usize, part: &(dyn Fn(usize) + Sync));

    /// Lets shorter batches run on this thread in between. `left` is how many tokens' worth of work is still
    /// to be done. Not to be called inside of a part.
    fn interleave(&self, left: u32) {
        let _ = left;
    }
}

/// The calling thread alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

impl Workers for Alone {
    fn threads(&self) -> usize {
        1
    }

    fn share(&self, count: usize, part: &(dyn Fn(usize) + Sync)) {
        (0..count).for_each(part);
    }
}
