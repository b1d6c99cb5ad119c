//! What a run may use besides its own thread.

/// What a run may use besides its own thread.
pub trait Turn {
    /// Threads that could take part now, this one included.
    fn threads(&self) -> usize;

    /// Runs `part(0)` … `part(count - 1)`, each once, on this thread and on those that help. Returns when all
    /// have ended.
    fn share(&self, count: usize, part: &(dyn Fn(usize) + Sync));
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
