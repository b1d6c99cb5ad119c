//! A bounded queue of items to be sent, and the thread that sends them in batches.

use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
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

/// How long a wake-up that comes before its thread can be found may delay an item.
const IDLE: Duration = Duration::from_millis(500);

/// The producers' end. Items are boxed: room for all of them is set aside in the beginning.
pub(super) struct Queue<T> {
    items: SyncSender<Box<T>>,
    wake: Arc<Wake>,
}

/// The consumer's end.
pub(super) struct Waiting<T> {
    items: Receiver<Box<T>>,
    wake: Arc<Wake>,
    batching: Batching,
}

/// Wakes the consumer for the first item of a batch and for the one that fills it, and for none in
/// between: waking a thread costs a request more than everything else that is recorded about it.
struct Wake {
    /// Items that are in no complete batch yet. Below 0 while an item is taken before it is counted.
    pending: AtomicIsize,
    batch: isize,
    consumer: OnceLock<Thread>,
}

/// A queue in which up to `most` items wait.
pub(super) fn queue<T>(most: usize, batching: Batching) -> (Queue<T>, Waiting<T>) {
    let (sender, receiver) = sync_channel(most.clamp(1, MOST));
    let batching = Batching { size: batching.size.clamp(1, MOST), ..batching };
    let wake = Arc::new(Wake {
        pending: AtomicIsize::new(0),
        batch: batching.size.cast_signed(),
        consumer: OnceLock::new(),
    });
    let queue = Queue { items: sender, wake: Arc::clone(&wake) };
    (queue, Waiting { items: receiver, wake, batching })
}

impl<T> Queue<T> {
    /// Adds an item, unless there is no room for it. Does not wait. Tells whether it was added.
    pub(super) fn push(&self, item: T) -> bool {
        let added = self.items.try_send(Box::new(item)).is_ok();
        if added {
            let pending = self.wake.pending.fetch_add(1, Ordering::Relaxed) + 1;
            if pending == 1 || pending == self.wake.batch {
                self.wake();
            }
        }
        added
    }

    /// Wakes the thread that waits for items.
    pub(super) fn wake(&self) {
        if let Some(consumer) = self.wake.consumer.get() {
            consumer.unpark();
        }
    }
}

impl<T> Waiting<T> {
    /// Hands out batches until the shutdown has begun and nothing waits any more.
    pub(super) fn run(self, shutdown: &Shutdown, mut send: impl FnMut(Vec<T>)) {
        let _ = self.wake.consumer.set(std::thread::current());
        while !shutdown.has_begun() {
            match self.items.try_recv() {
                Ok(first) => send(self.fill(*first, shutdown)),
                Err(TryRecvError::Empty) => std::thread::park_timeout(IDLE),
                Err(TryRecvError::Disconnected) => return,
            }
        }
        let mut rest = self.items.try_iter().map(|item| *item);
        loop {
            let batch: Vec<T> = rest.by_ref().take(self.batching.size).collect();
            if batch.is_empty() {
                return;
            }
            send(batch);
        }
    }

    /// The batch that begins with `first`: complete, or all that came within its delay.
    fn fill(&self, first: T, shutdown: &Shutdown) -> Vec<T> {
        let Batching { size, delay } = self.batching;
        let begun = Instant::now();
        let mut batch = vec![first];
        loop {
            let room = size.saturating_sub(batch.len());
            batch.extend(self.items.try_iter().take(room).map(|item| *item));
            let left = delay.saturating_sub(begun.elapsed());
            if batch.len() >= size || left.is_zero() || shutdown.has_begun() {
                break;
            }
            std::thread::park_timeout(left);
        }
        self.wake.pending.fetch_sub(batch.len().cast_signed(), Ordering::Relaxed);
        batch
    }
}
