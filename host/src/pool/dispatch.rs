//! From a request to the instance that answers it.

use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt as _;
use futures::channel::oneshot;
use http::HeaderValue;
use pilotlight_telemetry::Stages;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout_at};
use wasmtime_wasi_http::WasiBody;
use wasmtime_wasi_http::handler::Request;

use super::{Lease, Pool, Shared, Taken};
use crate::body::{Body, Driver};
use crate::instance::{Instance, Job, Shift};
use crate::meter::Meter;

/// How a request came by its instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// It was ready.
    Ready,
    /// It was made for the request.
    Inline,
    /// The request waited for a place.
    Waited,
    /// It was at work for others.
    Shared,
}

/// Where the time of a request went.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timings {
    origin: Origin,
    /// From the request to its instance.
    wait: Duration,
    /// Making the instance, on the path of the request or before it came.
    instantiate: Duration,
    /// From there to the head of the response.
    guest: Duration,
}

impl Timings {
    /// The same for metrics, of a request that had `waited` before it came here.
    pub(crate) fn stages(&self, waited: Duration) -> Stages {
        let inline = (self.origin == Origin::Inline).then_some(self.instantiate);
        let wait = self.wait.saturating_sub(inline.unwrap_or_default());
        Stages {
            queue: Some(waited + wait),
            instantiate: inline,
            guest: Some(self.guest),
            ..Stages::default()
        }
    }

    /// The value of a `server-timing` header (W3C Server Timing), in milliseconds.
    pub(crate) fn header(&self) -> HeaderValue {
        let origin = match self.origin {
            Origin::Ready => "ready",
            Origin::Inline => "inline",
            Origin::Waited => "waited",
            Origin::Shared => "shared",
        };
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let value = format!(
            "wait;desc={origin};dur={:.4}, instantiate;dur={:.4}, guest;dur={:.4}",
            ms(self.wait),
            ms(self.instantiate),
            ms(self.guest),
        );
        HeaderValue::from_str(&value).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

/// An instance was ended at the deadline of a request.
#[derive(Debug, thiserror::Error)]
#[error("the deadline of the request has passed")]
pub(crate) struct DeadlinePassed {
    /// It computed until then, and waited for nobody.
    pub(crate) at_work: bool,
}

/// No instance became free for a request for as long as it may wait.
#[derive(Debug, thiserror::Error)]
#[error("no instance became free in time")]
pub(crate) struct NoInstance;

/// An instance failed after more memory was refused it than it may have.
#[derive(Debug, thiserror::Error)]
#[error("it asked for more memory than it may have")]
pub(crate) struct OutOfMemory;

type Respond = oneshot::Receiver<wasmtime::Result<http::Response<WasiBody>>>;

impl Pool {
    /// Answers one request, which waits until `patience` for an instance. That ends when it has
    /// written the body, when nobody reads the body, or at the deadline; unless it may take, or
    /// has, other requests.
    pub(crate) async fn call(
        &self,
        request: Request,
        patience: Instant,
        deadline: Instant,
    ) -> wasmtime::Result<(http::Response<Body>, Timings)> {
        let arrival = Instant::now();
        let (respond, receiver) = oneshot::channel();
        let job = Job { request, respond, deadline };
        let (running, origin, wait, known) = match self.0.join(job) {
            Ok(known) => (None, Origin::Shared, Duration::ZERO, known),
            Err(job) => {
                let taken = timeout_at(deadline, self.0.take(patience)).await;
                let Taken { lease, origin } = taken.map_err(|_| NoInstance)??;
                let known = Known::of(&lease);
                let wait = arrival.elapsed();
                (Some(Running::start(lease, *job)), origin, wait, known)
            }
        };
        let Known { made_in: instantiate, meter } = known;
        let response = response(receiver, running).await.map_err(|error| {
            // An instance that is cut off sends an error that tells of an absent response only.
            if Instant::now() < deadline {
                return error;
            }
            DeadlinePassed { at_work: meter.is_some_and(|meter| meter.is_at_work()) }.into()
        })?;
        let guest = arrival.elapsed().saturating_sub(wait);
        Ok((response, Timings { origin, wait, instantiate, guest }))
    }
}

/// Waits for the head of a response, from the instance that `running` drives or from another's.
async fn response(
    receiver: Respond,
    running: Option<Running>,
) -> wasmtime::Result<http::Response<Body>> {
    let silent = || wasmtime::format_err!("the guest ended without a response");
    match running {
        None => {
            let ended = |_| wasmtime::format_err!("the instance that the request shared was ended");
            Ok(receiver.await.map_err(ended)??.map(|content| Body::new(content, None)))
        }
        // Others may need the instance: its task goes on whatever becomes of this request.
        Some(Running::Task(task)) => match receiver.await {
            Ok(response) => Ok(response?.map(|content| Body::new(content, None))),
            // The sender went away unused: the instance ended first, and knows why.
            Err(_) => Err(task.await?.err().unwrap_or_else(silent)),
        },
        Some(Running::Here(driver)) => driven(receiver, driver).await,
    }
}

/// Drives an instance to the head of its response, and leaves the rest to the body.
async fn driven(
    mut receiver: Respond,
    mut driver: Driver,
) -> wasmtime::Result<http::Response<Body>> {
    let mut ended = None;
    let received = poll_fn(|context| {
        if ended.is_none()
            && let Poll::Ready(result) = driver.poll(context)
        {
            ended = Some(result);
        }
        match receiver.poll_unpin(context) {
            Poll::Ready(Ok(response)) => Poll::Ready(Some(response)),
            // The sender went away unused: the instance ends, and then knows why.
            Poll::Ready(Err(_)) if ended.is_some() => Poll::Ready(None),
            _ => Poll::Pending,
        }
    })
    .await;
    match (received, ended) {
        // A guest of WASI 0.2 that traps leaves word of an absent response, too.
        (Some(Err(_)), Some(Err(error))) => Err(error),
        (Some(response), None) => Ok(response?.map(|content| Body::new(content, Some(driver)))),
        (Some(response), Some(_)) => Ok(response?.map(|content| Body::new(content, None))),
        (None, Some(Err(error))) => Err(error),
        (None, _) => Err(wasmtime::format_err!("the guest ended without a response")),
    }
}

/// How an instance is driven.
enum Running {
    /// By its only request, and then by the body of the response.
    Here(Driver),
    /// By a task of its own, for all its requests.
    Task(JoinHandle<wasmtime::Result<()>>),
}

impl Running {
    fn start(mut lease: Lease, first: Job) -> Self {
        let mut rota = Rota::open(&lease, first.deadline);
        let exclusive = rota.desk.is_none();
        let wanted = lease.shared.requests_per_instance > 1;
        let deadlines = Arc::clone(&rota.deadlines);
        let run = async move {
            let Some(instance) = &mut lease.instance else { return Ok(()) };
            let meter = instance.meter();
            let result = {
                let serve = pin!(instance.serve(first, &mut rota));
                tokio::select! {
                    biased;
                    // First: one that spins would have another turn.
                    () = deadlines.passed() => {
                        Err(DeadlinePassed { at_work: meter.is_at_work() }.into())
                    }
                    result = meter.watch(serve) => result,
                }
            };
            drop(rota);
            match result {
                Ok(()) => {
                    lease.give_back();
                    Ok(())
                }
                Err(error) if instance.was_refused_memory() => Err(error.context(OutOfMemory)),
                Err(error) => Err(error),
            }
        };
        let run: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(run);
        match exclusive {
            true => Self::Here(Driver { run, wanted }),
            false => Self::Task(tokio::spawn(run)),
        }
    }
}

/// An instance at work that takes further requests.
pub(super) struct Desk {
    id: u64,
    jobs: mpsc::UnboundedSender<Job>,
    active: usize,
    left: u32,
    known: Known,
}

/// What is known of an instance while it is at work.
#[derive(Clone, Default)]
struct Known {
    made_in: Duration,
    meter: Option<Arc<Meter>>,
}

impl Known {
    fn of(lease: &Lease) -> Self {
        let known = |one: &Instance| Self { made_in: one.made_in, meter: Some(one.meter()) };
        lease.instance.as_ref().map(known).unwrap_or_default()
    }
}

impl Shared {
    /// Gives a job to an instance at work that has room for it; returns it if there is none.
    fn join(&self, job: Job) -> Result<Known, Box<Job>> {
        if self.concurrency <= 1 {
            return Err(Box::new(job));
        }
        let mut state = self.lock();
        let free = |desk: &&mut Desk| desk.active < self.concurrency && desk.left > 0;
        let Some(desk) = state.desks.iter_mut().find(free) else { return Err(Box::new(job)) };
        desk.jobs.send(job).map_err(|unsent| Box::new(unsent.0))?;
        desk.active += 1;
        desk.left -= 1;
        let known = desk.known.clone();
        drop(state);
        self.counters.shared.add();
        Ok(known)
    }
}

/// The requests of an instance at work. Dropped, it takes no more.
struct Rota {
    shared: Arc<Shared>,
    desk: Option<(u64, mpsc::UnboundedReceiver<Job>)>,
    deadlines: Arc<Deadlines>,
}

impl Rota {
    fn open(lease: &Lease, first: Instant) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let shared = Arc::clone(&lease.shared);
        let served = lease.instance.as_ref().map_or(0, |one| one.served);
        let left = shared.requests_per_instance.saturating_sub(served).saturating_sub(1);
        let desk = (shared.concurrency > 1 && left > 0).then(|| {
            let (jobs, receiver) = mpsc::unbounded_channel();
            let id = NEXT.fetch_add(1, Ordering::Relaxed);
            let known = Known::of(lease);
            shared.lock().desks.push(Desk { id, jobs, active: 1, left, known });
            (id, receiver)
        });
        Self { shared, desk, deadlines: Arc::new(Deadlines::new(first)) }
    }

    fn leave(&self) {
        if let Some((id, _)) = &self.desk {
            self.shared.lock().desks.retain(|desk| desk.id != *id);
        }
    }
}

impl Shift for Rota {
    async fn next(&mut self) -> Job {
        if let Some((_, jobs)) = &mut self.desk
            && let Some(job) = jobs.recv().await
        {
            self.deadlines.add(job.deadline);
            return job;
        }
        pending().await
    }

    fn end(&mut self, deadline: Instant) {
        self.deadlines.remove(deadline);
        if let Some((id, _)) = &self.desk {
            let mut state = self.shared.lock();
            if let Some(desk) = state.desks.iter_mut().find(|desk| desk.id == *id) {
                desk.active -= 1;
            }
        }
    }

    fn close(&mut self) -> Option<Job> {
        self.leave();
        let (_, jobs) = self.desk.as_mut()?;
        let job = jobs.try_recv().ok()?;
        self.deadlines.add(job.deadline);
        Some(job)
    }
}

impl Drop for Rota {
    fn drop(&mut self) {
        self.leave();
    }
}

/// When the requests of an instance must have their responses; and when all have, how long it
/// may go on writing bodies.
struct Deadlines(Mutex<Due>);

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
    async fn passed(&self) {
        loop {
            let next = self.next();
            let mut timer = pin!(sleep_until(next));
            // Timers fire late while all threads compute; an instance that computes checks the clock in each turn.
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
