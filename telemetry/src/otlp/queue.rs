//! What waits to be sent, and the thread that sends it in batches.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use super::shutdown::Shutdown;

/// How items are put together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batching {
    pub(super) size: usize,
    pub(super) delay: Duration,
}

/// More than this is not kept for a collector that does not keep up.
const MOST: usize = 1 << 20;

/// The end of a queue that is filled. `None` says that the end has begun. Items are boxed: room
/// for all of them is set aside in the beginning.
pub(super) struct Queue<T>(SyncSender<Option<Box<T>>>);

/// The end of a queue that is emptied.
pub(super) struct Waiting<T>(Receiver<Option<Box<T>>>);

/// A queue in which up to `most` items wait.
pub(super) fn queue<T>(most: usize) -> (Queue<T>, Waiting<T>) {
    let (sender, receiver) = sync_channel(most.clamp(1, MOST));
    (Queue(sender), Waiting(receiver))
}

impl<T> Queue<T> {
    /// Adds an item, unless there is no room for it. Does not wait. Tells whether it was added.
    pub(super) fn push(&self, item: T) -> bool {
        self.0.try_send(Some(Box::new(item))).is_ok()
    }

    /// Wakes the thread that waits for items; one that has many does not wait.
    pub(super) fn wake(&self) {
        let _ = self.0.try_send(None);
    }
}

impl<T> Waiting<T> {
    /// Hands out batches until the shutdown has begun and nothing waits any more.
    pub(super) fn run(self, batching: Batching, shutdown: &Shutdown, mut send: impl FnMut(Vec<T>)) {
        let size = batching.size.max(1);
        while !shutdown.has_begun() {
            match self.0.recv() {
                Ok(Some(first)) => send(self.fill(*first, size, batching.delay)),
                Ok(None) => {}
                Err(_) => return,
            }
        }
        let mut rest = self.0.try_iter().flatten().map(|item| *item);
        loop {
            let batch: Vec<T> = rest.by_ref().take(size).collect();
            if batch.is_empty() {
                return;
            }
            send(batch);
        }
    }

    fn fill(&self, first: T, size: usize, delay: Duration) -> Vec<T> {
        let begun = Instant::now();
        let mut batch = vec![first];
        while batch.len() < size {
            match self.0.recv_timeout(delay.saturating_sub(begun.elapsed())) {
                Ok(Some(item)) => batch.push(*item),
                // The end, or nothing more in time.
                Ok(None) | Err(_) => break,
            }
        }
        batch
    }
}
