//! From a request to the instance that answers it.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt as _;
use futures::channel::oneshot;
use http_body_util::BodyExt as _;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use wasmtime_wasi_http::WasiBody;
use wasmtime_wasi_http::handler::Request;

use super::session::{MeteredBody, SessionMeter};
use super::sharing::{InstanceRequests, Known};
use super::{Acquired, Assigned, Pool, PooledInstance};
use crate::body::{Driver, InstanceBody};
use crate::instance::{self, Job};

/// How a request acquired its instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The instance was ready.
    Ready,
    /// The instance was created for the request.
    Inline,
    /// The request waited for a place.
    Waited,
    /// The instance was processing other requests.
    Shared,
}

/// Durations of a request.
#[derive(Debug, Clone, Copy)]
pub struct Timings {
    /// How the request acquired its instance.
    pub origin: Origin,
    /// Time from the arrival of the request to its instance.
    pub wait: Duration,
    /// Making the instance, on the path of the request or before it came.
    pub instantiate: Duration,
    /// Time from there to the head of the response.
    pub guest: Duration,
}

/// An instance was ended at the deadline of a request.
#[derive(Debug, thiserror::Error)]
#[error("the deadline of the request has passed")]
pub struct DeadlinePassed {
    /// It computed until then, and waited for nobody.
    pub at_work: bool,
}

/// No instance became free for a request for as long as it may wait.
#[derive(Debug, thiserror::Error)]
#[error("no instance became available in time")]
pub struct NoInstance;

/// An instance failed after more memory was refused it than it may have.
#[derive(Debug, thiserror::Error)]
#[error("the guest exceeded its memory limit")]
pub struct OutOfMemory;

type Respond = oneshot::Receiver<wasmtime::Result<http::Response<WasiBody>>>;

impl Pool {
    /// Answers one request, which waits until `patience` for an instance. That ends when it has
    /// written the body, when nobody reads the body, or at the deadline; unless it may take, or
    /// has, other requests.
    pub async fn call(
        &self,
        request: Request,
        patience: Instant,
        deadline: Instant,
    ) -> wasmtime::Result<(http::Response<InstanceBody>, Timings)> {
        self.call_as(Use::Request, request, patience, deadline).await
    }

    /// Answers one request whose response is written while its body is read. Its instance is its own until
    /// the response ends, and does not count among those that the pool may have. What of the body the
    /// instance takes at once is a request of its own for its processor time. As [`Pool::call`]
    /// otherwise.
    pub async fn call_session(
        &self,
        request: Request,
        patience: Instant,
        deadline: Instant,
    ) -> wasmtime::Result<(http::Response<InstanceBody>, Timings)> {
        let meter = SessionMeter::default();
        let metered = meter.clone();
        let request = request.map(|body| MeteredBody::new(body, metered).boxed_unsync());
        self.call_as(Use::Session(meter), request, patience, deadline).await
    }

    async fn call_as(
        &self,
        used: Use,
        request: Request,
        patience: Instant,
        deadline: Instant,
    ) -> wasmtime::Result<(http::Response<InstanceBody>, Timings)> {
        let arrival = Instant::now();
        let (respond, receiver) = oneshot::channel();
        let job = Job { request, respond, deadline };
        let begun = self.begin(job, &used, arrival, patience).await?;
        let Begun { running, origin, wait, known } = begun;
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

    /// Finds an instance that begins a request.
    async fn begin(
        &self,
        mut job: Job,
        used: &Use,
        arrival: Instant,
        patience: Instant,
    ) -> wasmtime::Result<Begun> {
        let deadline = job.deadline;
        loop {
            let taken = timeout_at(deadline, self.0.acquire(patience)).await;
            let Acquired { assigned, origin } = taken.map_err(|_| NoInstance)??;
            let shared_place = match assigned {
                Assigned::Exclusive(mut pooled) => {
                    if let Use::Session(meter) = used {
                        pooled.give_to_session();
                        meter.set(pooled.instance.as_ref().map(instance::Instance::meter));
                    }
                    let (known, wait) = (Known::of(&pooled), arrival.elapsed());
                    let running = Some(Running::start(pooled, job));
                    return Ok(Begun { running, origin, wait, known });
                }
                // Dropped, it is there for others.
                Assigned::Shared(_) if matches!(used, Use::Session(_)) => continue,
                Assigned::Shared(shared_place) => shared_place,
            };
            let known = shared_place.known();
            // An instance that has come to compute meanwhile gives the request back.
            match timeout_at(deadline, shared_place.offer(job, origin)).await {
                Ok(Ok(returned)) => job = returned,
                Ok(Err(_)) => {
                    return Ok(Begun { running: None, origin, wait: arrival.elapsed(), known });
                }
                Err(_) => return Err(NoInstance.into()),
            }
        }
    }
}

/// What an instance is used for.
enum Use {
    /// A request, perhaps with others.
    Request,
    /// A session, for as long as it goes on.
    Session(SessionMeter),
}

/// A request that an instance has begun.
struct Begun {
    /// `None` in an instance that others drive.
    running: Option<Running>,
    origin: Origin,
    wait: Duration,
    known: Known,
}

/// Waits for the head of a response, from the instance that `running` drives or from another's.
async fn response(
    receiver: Respond,
    running: Option<Running>,
) -> wasmtime::Result<http::Response<InstanceBody>> {
    let silent = || wasmtime::format_err!("the guest ended without a response");
    match running {
        None => {
            let ended = |_| wasmtime::format_err!("the instance that the request shared was ended");
            Ok(receiver.await.map_err(ended)??.map(|content| InstanceBody::new(content, None)))
        }
        // Others may need the instance: its task goes on whatever becomes of this request.
        Some(Running::Task(task)) => match receiver.await {
            Ok(response) => Ok(response?.map(|content| InstanceBody::new(content, None))),
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
) -> wasmtime::Result<http::Response<InstanceBody>> {
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
        (Some(response), None) => {
            Ok(response?.map(|content| InstanceBody::new(content, Some(driver))))
        }
        (Some(response), Some(_)) => Ok(response?.map(|content| InstanceBody::new(content, None))),
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
    fn start(mut pooled: PooledInstance, first: Job) -> Self {
        let mut requests = InstanceRequests::open(&pooled, first.deadline);
        let shared_instance = requests.shared_instance.clone();
        let exclusive = shared_instance.is_none();
        let reusable = pooled.shared.requests_per_instance > 1;
        let deadlines = Arc::clone(&requests.deadlines);
        let run = async move {
            let Some(instance) = &mut pooled.instance else { return Ok(()) };
            let meter = instance.meter();
            let result = {
                let serve = pin!(instance.serve(first, &mut requests));
                let mut serve = pin!(meter.watch(serve));
                let turns = poll_fn(|context| match &shared_instance {
                    Some(shared_instance) => shared_instance.turn(serve.as_mut(), &meter, context),
                    None => serve.as_mut().poll(context),
                });
                tokio::select! {
                    biased;
                    // First: one that spins would have another turn.
                    () = deadlines.passed() => {
                        Err(DeadlinePassed { at_work: meter.is_at_work() }.into())
                    }
                    result = turns => result,
                }
            };
            drop(requests);
            match result {
                Ok(()) => {
                    pooled.release();
                    Ok(())
                }
                Err(error) if instance.was_refused_memory() => Err(error.context(OutOfMemory)),
                Err(error) => Err(error),
            }
        };
        let run: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(run);
        match exclusive {
            true => Self::Here(Driver { run, reusable }),
            false => Self::Task(tokio::spawn(run)),
        }
    }
}
