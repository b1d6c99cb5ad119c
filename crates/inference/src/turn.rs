//! What a run may use besides its own thread.

/// What a run may use besides its own thread.
pub trait Turn {
    /// Threads that could take part now, this one included.
    fn threads(&self) -> usize;

    /// Runs `part(0)` … `part(count - 1)`, each once, on this thread and on those that help. Returns when all
    /// have ended.
    fn share(&self, count: usize, part: &(dyn Fn(usize) + Sync));

    /// Lets shorter batches pass, which run on this thread meanwhile. `left` is how many tokens' worth of work is still
    /// to be done. Not to be called inside of a part.
    fn let_pass(&self, left: u32) {
        let _ = left;
    }
}

/// The calling thread alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

impl Turn for Alone {
    fn threads(&self) -> usize {
        1
    }

    fn share(&self, count: usize, part: &(dyn Fn(usize) + Sync)) {
        (0..count).for_each(part);
    }
}
