//! The instance pool: requests acquire ready instances; workers tear instances down and create new ones.
//! The top of the crate: used by the host. Does not know HTTP routes or versions.

mod dispatch;
mod level;
mod session;
mod sharing;
mod status;
mod worker;

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use tokio::sync::Notify;
use tokio::time::timeout_at;

use crate::component::LinkedComponent;
use crate::error::{Error, Result};
use crate::instance::Instance;
use crate::memory::MemorySlots;
use crate::options::PoolOptions;
use level::Level;
use sharing::{SharedInstance, SharedPlace};
use status::Counters;

pub use dispatch::{DeadlinePassed, NoInstance, Origin, OutOfMemory, Timings};
pub use status::PoolStatus;

/// The instances of a function. When the last handle is dropped, idle instances end at once
/// and those at work when they are done.
pub struct Pool(Arc<Shared>);

struct Shared {
    component: LinkedComponent,
    memories: Arc<MemorySlots>,
    maximum: usize,
    requests_per_instance: u32,
    concurrency: usize,
    idle_shrink: Duration,
    creation_timeout: Duration,
    state: Mutex<State>,
    /// Wakes a worker.
    work: Condvar,
    /// Tells of instances that have become ready.
    filled: Notify,
    counters: Counters,
}

struct State {
    /// The one made last, whose memory is the warmest, is taken first.
    ready: Vec<Instance>,
    /// To be torn down.
    used: Vec<Instance>,
    live: usize,
    /// Instances that belong to a session until it ends. They are not among the live ones.
    in_sessions: usize,
    waiting: VecDeque<oneshot::Sender<wasmtime::Result<Assigned>>>,
    level: Level,
    /// One worker of all ends a period: each would shrink the pool once more.
    period_ends: Instant,
    /// Instances at work that take further requests.
    shared_instances: Vec<SharedInstance>,
    closed: bool,
}

/// How a request came by its instance.
struct Acquired {
    assigned: Assigned,
    origin: Origin,
}

/// What a request is answered by.
enum Assigned {
    /// An instance of its own, for as long as it has no others.
    Exclusive(PooledInstance),
    /// Room in one that waits.
    Shared(SharedPlace),
}

/// What there is for a request.
enum Claim<'a> {
    Share(SharedPlace),
    Ready(PooledInstance),
    Make(Place<'a>),
    Wait(oneshot::Receiver<wasmtime::Result<Assigned>>),
}

impl Pool {
    /// Starts to fill a pool.
    pub fn new(
        component: LinkedComponent,
        memories: Arc<MemorySlots>,
        options: &PoolOptions,
        creation_timeout: Duration,
    ) -> Result<Self> {
        let maximum = options.max_instances as usize;
        let minimum = (options.min_ready as usize).min(maximum);
        let state = State {
            ready: Vec::new(),
            used: Vec::new(),
            live: 0,
            in_sessions: 0,
            waiting: VecDeque::new(),
            level: Level::new(minimum, maximum / 2),
            period_ends: Instant::now() + options.idle_shrink,
            shared_instances: Vec::new(),
            closed: false,
        };
        let shared = Arc::new(Shared {
            component,
            memories,
            maximum,
            requests_per_instance: match options.requests_per_instance {
                0 => u32::MAX,
                limit => limit,
            },
            concurrency: options.concurrent_requests_per_instance as usize,
            idle_shrink: options.idle_shrink,
            creation_timeout,
            state: Mutex::new(state),
            work: Condvar::new(),
            filled: Notify::new(),
            counters: Counters::default(),
        });
        let pool = Self(shared);
        worker::start(&pool.0).map_err(Error::io("the pool worker thread"))?;
        Ok(pool)
    }

    /// Waits until as many instances are ready as are to be kept.
    ///
    /// # Errors
    /// When an instance cannot be made.
    pub async fn fill(&self) -> wasmtime::Result<()> {
        // Workers try again and again; what one cannot do is known at once by doing it.
        let patience = tokio::time::Instant::now() + self.0.creation_timeout;
        if let Assigned::Exclusive(pooled) = self.0.acquire(patience).await?.assigned {
            pooled.release();
        }
        loop {
            let filled = self.0.filled.notified();
            {
                let state = self.0.lock();
                if state.ready.len() >= state.level.target() {
                    return Ok(());
                }
            }
            filled.await;
        }
    }

    /// State of the pool.
    pub fn status(&self) -> PoolStatus {
        let counters = &self.0.counters;
        let state = self.0.lock();
        PoolStatus {
            ready: state.ready.len(),
            live: state.live,
            in_sessions: state.in_sessions,
            target: state.level.target(),
            waiting: state.waiting.len(),
            acquired_ready: counters.ready.get(),
            acquired_inline: counters.inline.get(),
            acquired_waited: counters.waited.get(),
            acquired_shared: counters.shared.get(),
            created: counters.created.get(),
            ended: counters.ended.get(),
            failed: counters.failed.get(),
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.closed = true;
        state.waiting.clear();
        drop(state);
        self.0.work.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room in an instance that waits, where instances may be shared; a ready instance; one made at
    /// once when there is none; or, where no more may live, the first place that becomes free until
    /// `patience`, in the order of asking.
    async fn acquire(
        self: &Arc<Self>,
        patience: tokio::time::Instant,
    ) -> wasmtime::Result<Acquired> {
        match self.claim() {
            Claim::Share(shared_place) => {
                Ok(Acquired { assigned: Assigned::Shared(shared_place), origin: Origin::Shared })
            }
            Claim::Ready(pooled) => {
                self.counters.ready.add();
                Ok(Acquired { assigned: Assigned::Exclusive(pooled), origin: Origin::Ready })
            }
            Claim::Make(place) => {
                self.counters.inline.add();
                let pooled = place.fill(self.component.instantiate().await)?;
                Ok(Acquired { assigned: Assigned::Exclusive(pooled), origin: Origin::Inline })
            }
            Claim::Wait(receiver) => {
                self.counters.waited.add();
                let received = timeout_at(patience, receiver).await.map_err(|_| NoInstance)?;
                let closed = |_| wasmtime::format_err!("the function was unloaded");
                Ok(Acquired { assigned: received.map_err(closed)??, origin: Origin::Waited })
            }
        }
    }

    fn claim(self: &Arc<Self>) -> Claim<'_> {
        let mut state = self.lock();
        if let Some(shared_place) = self.shared_place(&mut state) {
            return Claim::Share(shared_place);
        }
        if let Some(instance) = state.ready.pop() {
            let left = state.ready.len();
            state.level.hit(left);
            drop(state);
            // While there are others, the end of this one will wake a worker soon enough.
            if left == 0 {
                self.work.notify_one();
            }
            return Claim::Ready(self.pooled(instance));
        }
        state.level.miss();
        // Nobody overtakes those who wait.
        if state.live < self.maximum && state.waiting.is_empty() {
            state.live += 1;
            return Claim::Make(Place(self));
        }
        let (sender, receiver) = oneshot::channel();
        state.waiting.push_back(sender);
        Claim::Wait(receiver)
    }

    fn pooled(self: &Arc<Self>, instance: Instance) -> PooledInstance {
        PooledInstance { shared: Arc::clone(self), instance: Some(instance), in_session: false }
    }

    /// Gives an instance to whoever has waited longest, or keeps it ready.
    fn offer(self: &Arc<Self>, instance: Instance) {
        let mut pooled = self.pooled(instance);
        loop {
            let mut state = self.lock();
            let Some(first) = state.waiting.pop_front() else {
                if state.closed {
                    // Dropped, and so torn down, once the lock is free.
                    drop(state);
                } else if let Some(instance) = pooled.instance.take() {
                    state.ready.push(instance);
                    let ready = state.ready.len();
                    state.level.filled(ready);
                    self.filled.notify_waiters();
                }
                return;
            };
            drop(state);
            match first.send(Ok(Assigned::Exclusive(pooled))) {
                Err(Ok(Assigned::Exclusive(unwanted))) => pooled = unwanted,
                _ => return,
            }
        }
    }
}

/// A place among the live instances, given up unless it is filled.
struct Place<'a>(&'a Arc<Shared>);

impl Place<'_> {
    fn fill(self, made: wasmtime::Result<Instance>) -> wasmtime::Result<PooledInstance> {
        let shared = self.0;
        match made {
            Ok(instance) => {
                shared.counters.created.add();
                std::mem::forget(self);
                Ok(shared.pooled(instance))
            }
            Err(error) => {
                shared.counters.failed.add();
                Err(error)
            }
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.live -= 1;
        let wanted = state.closed || !state.waiting.is_empty();
        drop(state);
        if wanted {
            self.0.work.notify_one();
        }
    }
}

/// An instance out of the pool. Dropped, it is torn down by a worker.
struct PooledInstance {
    shared: Arc<Shared>,
    /// Acquired when it goes back.
    instance: Option<Instance>,
    /// Whether it belongs to a session.
    in_session: bool,
}

impl PooledInstance {
    /// Gives it to a session until that ends: another takes its place among the live ones.
    fn give_to_session(&mut self) {
        if std::mem::replace(&mut self.in_session, true) {
            return;
        }
        let mut state = self.shared.lock();
        state.live -= 1;
        state.in_sessions += 1;
        drop(state);
        self.shared.work.notify_one();
    }

    /// Puts a healthy instance back if it may take another request.
    fn release(mut self) {
        let spent = |instance: &Instance| instance.served >= self.shared.requests_per_instance;
        if self.in_session || self.instance.as_ref().is_none_or(spent) {
            return;
        }
        if let Some(instance) = self.instance.take() {
            self.shared.offer(instance);
        }
    }
}

impl Drop for PooledInstance {
    fn drop(&mut self) {
        if let Some(instance) = self.instance.take() {
            let mut state = self.shared.lock();
            if self.in_session {
                state.in_sessions -= 1;
                state.live += 1;
            }
            state.used.push(instance);
            drop(state);
            self.shared.work.notify_one();
        }
    }
}
