use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// Counts of a pool since it was made.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) ready: Counter,
    pub(super) inline: Counter,
    pub(super) waited: Counter,
    pub(super) shared: Counter,
    pub(super) created: Counter,
    pub(super) ended: Counter,
    pub(super) failed: Counter,
}

#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// State of a pool, and its counters since it was created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PoolStatus {
    /// Instances ready to take a request.
    pub ready: usize,
    /// Instances alive: ready, serving, being made or being torn down.
    pub live: usize,
    /// Instances that belong to sessions, besides the live ones.
    pub in_sessions: usize,
    /// Instances that the pool means to keep ready.
    pub target: usize,
    /// Requests that wait because as many instances are alive as may be.
    pub waiting: usize,
    /// Requests that found a ready instance.
    pub acquired_ready: u64,
    /// Requests that found none and had one made for them at once.
    pub acquired_inline: u64,
    /// Requests that had to wait until another's instance was gone or had room.
    pub acquired_waited: u64,
    /// Requests that joined others in an instance.
    pub acquired_shared: u64,
    /// Instances made.
    pub created: u64,
    /// Instances torn down.
    pub ended: u64,
    /// Instances that could not be made.
    pub failed: u64,
}
