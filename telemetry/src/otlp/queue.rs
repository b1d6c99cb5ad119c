//! What waits to be sent, and the thread that sends it in batches.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use super::shutdown::Shutdown;

/// How items are put together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batching {
    pub(super) size: usize,
    pub(super) delay: Duration,
}

/// The end of a queue that is filled.
pub(super) struct Queue<T>(SyncSender<Message<T>>);

/// The end of a queue that is emptied.
pub(super) struct Waiting<T>(Receiver<Message<T>>);

enum Message<T> {
    Item(T),
    /// The end has begun.
    End,
}

/// A queue in which up to `most` items wait.
pub(super) fn queue<T>(most: usize) -> (Queue<T>, Waiting<T>) {
    let (sender, receiver) = sync_channel(most.max(1));
    (Queue(sender), Waiting(receiver))
}

impl<T> Queue<T> {
    /// Adds an item, unless there is no room for it. Does not wait. Tells whether it was added.
    pub(super) fn push(&self, item: T) -> bool {
        self.0.try_send(Message::Item(item)).is_ok()
    }

    /// Wakes the thread that waits for items; one that has many does not wait.
    pub(super) fn wake(&self) {
        let _ = self.0.try_send(Message::End);
    }
}

impl<T> Waiting<T> {
    /// Hands out batches until the shutdown has begun and nothing waits any more.
    pub(super) fn run(self, batching: Batching, shutdown: &Shutdown, mut send: impl FnMut(Vec<T>)) {
        let size = batching.size.max(1);
        while !shutdown.has_begun() {
            let Ok(first) = self.0.recv() else { return };
            let batch = self.fill(first, size, batching.delay);
            if !batch.is_empty() {
                send(batch);
            }
        }
        let mut rest = self.0.try_iter().filter_map(Message::item);
        loop {
            let batch: Vec<T> = rest.by_ref().take(size).collect();
            if batch.is_empty() {
                return;
            }
            send(batch);
        }
    }

    fn fill(&self, first: Message<T>, size: usize, delay: Duration) -> Vec<T> {
        let until = Instant::now() + delay;
        let mut batch: Vec<T> = first.item().into_iter().collect();
        // One that begins with the end is not filled.
        while !batch.is_empty() && batch.len() < size {
            let left = until.saturating_duration_since(Instant::now());
            match self.0.recv_timeout(left) {
                Ok(Message::Item(item)) => batch.push(item),
                Ok(Message::End)
                | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    break;
                }
            }
        }
        batch
    }
}

impl<T> Message<T> {
    fn item(self) -> Option<T> {
        match self {
            Self::Item(item) => Some(item),
            Self::End => None,
        }
    }
}
