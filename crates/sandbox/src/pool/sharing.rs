//! Requests that share an instance: another one begins only while the instance waits for somebody.
//!
//! A guest that computes holds its instance, and so does one that waits in a synchronous call of the
//! host, `wasi:nn` among them. A request that were given to it would wait although other
//! instances, and cores, are free.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::channel::oneshot;
use tokio::time::{Instant, sleep_until};

use super::dispatch::Origin;
use super::{Assigned, PooledInstance, Shared, State};
use crate::cpu_time::CpuMeter;
use crate::instance::{Instance, Job, RequestSource};

/// An instance at work that takes further requests.
pub(super) struct SharedInstance {
    id: u64,
    phase: Phase,
    /// Offered to it, and not begun yet.
    offers: Vec<Offer>,
    /// Wakes the task that drives it.
    waker: Waker,
    /// Requests that it has or is to have.
    active: usize,
    /// Requests that it may have besides.
    left: u32,
    known: Known,
}

/// What an instance does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It has its turn, or has to go on computing in the next.
    Working,
    /// It had nothing to do in its turn, and is asked to begin another request.
    Asked,
    /// It began one when it was asked.
    Begun,
    /// It waits, and would begin another request at once.
    Open,
    /// It waits, and another request has been promised to it.
    Promised,
}

/// A request for an instance that waits.
struct Offer {
    job: Job,
    origin: Origin,
    returned: oneshot::Sender<Job>,
}

impl Offer {
    /// Whoever made it looks for another instance.
    fn release(self) {
        // The request may have been given up meanwhile.
        let _ = self.returned.send(self.job);
    }
}

/// What is known of an instance while it is at work.
#[derive(Clone, Default)]
pub(super) struct Known {
    pub(super) made_in: Duration,
    pub(super) meter: Option<Arc<CpuMeter>>,
}

impl Known {
    pub(super) fn of(pooled: &PooledInstance) -> Self {
        let known = |one: &Instance| Self { made_in: one.made_in, meter: Some(one.meter()) };
        pooled.instance.as_ref().map(known).unwrap_or_default()
    }
}

/// Room for a request in an instance that waits.
pub(super) struct SharedPlace {
    shared: Arc<Shared>,
    id: u64,
    known: Known,
    used: bool,
}

impl SharedPlace {
    pub(super) fn known(&self) -> Known {
        self.known.clone()
    }

    /// Offers the instance a request. What is returned resolves to the request when it has not been
    /// begun, and to an error once it has.
    pub(super) fn offer(mut self, job: Job, origin: Origin) -> oneshot::Receiver<Job> {
        self.used = true;
        let (returned, receiver) = oneshot::channel();
        let offer = Offer { job, origin, returned };
        let mut state = self.shared.lock();
        let Some(shared_instance) = state.shared_instance(self.id) else {
            drop(state);
            offer.release();
            return receiver;
        };
        shared_instance.offers.push(offer);
        let waker = shared_instance.waker.clone();
        drop(state);
        waker.wake();
        receiver
    }
}

impl Drop for SharedPlace {
    fn drop(&mut self) {
        if self.used {
            return;
        }
        let mut state = self.shared.lock();
        let Some(shared_instance) = state.shared_instance(self.id) else { return };
        shared_instance.active -= 1;
        shared_instance.left += 1;
        let waker = shared_instance.waker.clone();
        drop(state);
        // It is asked again, for others.
        waker.wake();
    }
}

impl State {
    fn shared_instance(&mut self, id: u64) -> Option<&mut SharedInstance> {
        self.shared_instances.iter_mut().find(|shared_instance| shared_instance.id == id)
    }
}

impl SharedInstance {
    fn has_room(&self, concurrency: usize) -> bool {
        self.active < concurrency && self.left > 0
    }
}

impl Shared {
    /// Room in an instance that waits, if there is one.
    pub(super) fn shared_place(self: &Arc<Self>, state: &mut State) -> Option<SharedPlace> {
        let concurrency = self.concurrency;
        let open = |shared_instance: &&mut SharedInstance| {
            shared_instance.phase == Phase::Open && shared_instance.has_room(concurrency)
        };
        state
            .shared_instances
            .iter_mut()
            .find(open)
            .map(|shared_instance| self.promise(shared_instance))
    }

    fn promise(self: &Arc<Self>, shared_instance: &mut SharedInstance) -> SharedPlace {
        shared_instance.phase = Phase::Promised;
        shared_instance.active += 1;
        shared_instance.left -= 1;
        SharedPlace {
            shared: Arc::clone(self),
            id: shared_instance.id,
            known: shared_instance.known.clone(),
            used: false,
        }
    }
}

/// The pool's side of an instance that takes further requests.
#[derive(Clone)]
pub(super) struct SharedHandle {
    shared: Arc<Shared>,
    id: u64,
}

impl SharedHandle {
    fn enter(pooled: &PooledInstance) -> Option<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let shared = Arc::clone(&pooled.shared);
        let served = pooled.instance.as_ref().map_or(0, |one| one.served);
        let left = shared.requests_per_instance.saturating_sub(served).saturating_sub(1);
        if shared.concurrency <= 1 || left == 0 || pooled.in_session {
            return None;
        }
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        shared.lock().shared_instances.push(SharedInstance {
            id,
            phase: Phase::Working,
            offers: Vec::new(),
            waker: Waker::noop().clone(),
            active: 1,
            left,
            known: Known::of(pooled),
        });
        Some(Self { shared, id })
    }

    /// Gives an instance its turn, and asks it to begin other requests once it has nothing to do.
    pub(super) fn turn<F: Future>(
        &self,
        mut run: Pin<&mut F>,
        meter: &CpuMeter,
        context: &mut Context<'_>,
    ) -> Poll<F::Output> {
        self.set(Phase::Working);
        let mut polled = run.as_mut().poll(context);
        while polled.is_pending() && !meter.is_at_work() {
            self.set(Phase::Asked);
            polled = run.as_mut().poll(context);
            if self.phase() != Some(Phase::Begun) {
                break;
            }
        }
        self.settle();
        polled
    }

    /// Returns what an instance could not begin in its turn.
    fn settle(&self) {
        let mut state = self.shared.lock();
        let Some(shared_instance) = state.shared_instance(self.id) else { return };
        if matches!(shared_instance.phase, Phase::Open | Phase::Promised) {
            return;
        }
        shared_instance.phase = Phase::Working;
        let offers = std::mem::take(&mut shared_instance.offers);
        shared_instance.active -= offers.len();
        shared_instance.left = shared_instance.left.saturating_add(offers.len() as u32);
        drop(state);
        offers.into_iter().for_each(Offer::release);
    }

    fn set(&self, phase: Phase) {
        if let Some(shared_instance) = self.shared.lock().shared_instance(self.id) {
            shared_instance.phase = phase;
        }
    }

    fn phase(&self) -> Option<Phase> {
        self.shared.lock().shared_instance(self.id).map(|shared_instance| shared_instance.phase)
    }

    /// The next request, when the instance has been asked to begin one.
    fn poll_next(&self, context: &mut Context<'_>) -> Poll<Job> {
        let mut state = self.shared.lock();
        let Some(shared_instance) = state
            .shared_instance(self.id)
            .filter(|shared_instance| shared_instance.phase == Phase::Asked)
        else {
            return Poll::Pending;
        };
        if !shared_instance.offers.is_empty() {
            shared_instance.phase = Phase::Begun;
            let Offer { job, origin, .. } = shared_instance.offers.remove(0);
            drop(state);
            if origin == Origin::Shared {
                self.shared.counters.shared.add();
            }
            return Poll::Ready(job);
        }
        shared_instance.phase = Phase::Open;
        shared_instance.waker.clone_from(context.waker());
        self.serve_waiting(state);
        Poll::Pending
    }

    /// Nobody overtakes those who wait for an instance.
    fn serve_waiting(&self, mut state: MutexGuard<'_, State>) {
        if state.waiting.is_empty() {
            return;
        }
        let Some(shared_place) = self.shared.shared_place(&mut state) else { return };
        let first = state.waiting.pop_front();
        drop(state);
        // Where nobody waits for it any more, the place is dropped, and the instance asked again.
        if let Some(first) = first {
            drop(first.send(Ok(Assigned::Shared(shared_place))));
        }
    }

    /// Takes the instance off, and returns what was offered to it.
    fn leave(&self) -> Vec<Offer> {
        let mut state = self.shared.lock();
        let index =
            state.shared_instances.iter().position(|shared_instance| shared_instance.id == self.id);
        index.map(|index| state.shared_instances.swap_remove(index).offers).unwrap_or_default()
    }
}

/// The requests of an instance at work. Dropped, it takes no more.
pub(super) struct InstanceRequests {
    /// None where the instance has its first request only.
    pub(super) shared_instance: Option<SharedHandle>,
    pub(super) deadlines: Arc<Deadlines>,
}

impl InstanceRequests {
    pub(super) fn open(pooled: &PooledInstance, first: Instant) -> Self {
        Self {
            shared_instance: SharedHandle::enter(pooled),
            deadlines: Arc::new(Deadlines::new(first)),
        }
    }
}

impl RequestSource for InstanceRequests {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Job> {
        let Some(shared_instance) = &self.shared_instance else { return Poll::Pending };
        let next = shared_instance.poll_next(context);
        if let Poll::Ready(job) = &next {
            self.deadlines.add(job.deadline);
        }
        next
    }

    fn finished(&mut self, deadline: Instant) {
        self.deadlines.remove(deadline);
        if let Some(shared_instance) = &self.shared_instance {
            let mut state = shared_instance.shared.lock();
            if let Some(shared_instance) = state.shared_instance(shared_instance.id) {
                shared_instance.active -= 1;
            }
        }
    }

    fn close(&mut self) -> Option<Job> {
        let mut offers = self.shared_instance.as_ref()?.leave().into_iter();
        let first = offers.next()?;
        offers.for_each(Offer::release);
        self.deadlines.add(first.job.deadline);
        Some(first.job)
    }
}

impl Drop for InstanceRequests {
    fn drop(&mut self) {
        if let Some(shared_instance) = &self.shared_instance {
            shared_instance.leave().into_iter().for_each(Offer::release);
        }
    }
}

/// When the requests of an instance must have their responses; and when all have, how long it
/// may go on writing bodies.
pub(super) struct Deadlines(Mutex<Due>);

struct Due {
    responses: Vec<Instant>,
    last: Instant,
}

impl Deadlines {
    fn new(first: Instant) -> Self {
        Self(Mutex::new(Due { responses: vec![first], last: first }))
    }

    fn lock(&self) -> MutexGuard<'_, Due> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, deadline: Instant) {
        let mut due = self.lock();
        due.responses.push(deadline);
        due.last = due.last.max(deadline);
    }

    fn remove(&self, deadline: Instant) {
        let mut due = self.lock();
        if let Some(index) = due.responses.iter().position(|other| *other == deadline) {
            due.responses.swap_remove(index);
        }
    }

    /// Waits until one has passed. All requests have the same time, so none that comes later is
    /// due earlier than what is waited for.
    pub(super) async fn passed(&self) {
        loop {
            let next = self.next();
            let mut timer = pin!(sleep_until(next));
            // Timers fire late while all threads compute: the clock is checked in each turn.
            let passed = poll_fn(|context| match next <= Instant::now() {
                true => Poll::Ready(()),
                false => timer.as_mut().poll(context),
            });
            passed.await;
            if self.next() <= Instant::now() {
                return;
            }
        }
    }

    fn next(&self) -> Instant {
        let due = self.lock();
        due.responses.iter().min().copied().unwrap_or(due.last)
    }
}
