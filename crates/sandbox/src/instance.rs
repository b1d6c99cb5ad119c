//! A component in memory, and the requests that it answers.
//!
//! Knows Wasmtime's interface to `wasi:http`, whose 0.3 half is experimental, together with
//! [`crate::component`].

use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::StreamExt as _;
use futures::channel::oneshot;
use futures::stream::FuturesUnordered;
use tokio::time::Instant;
use wasmtime::component::Func;
use wasmtime::{AsContextMut as _, Store};
use wasmtime_wasi_http::WasiHttpView as _;
use wasmtime_wasi_http::handler::{Prepared, Proxy, Request, Response};

use crate::cpu_time::CpuMeter;
use crate::epoch::EpochTicker;
use crate::store::State;

/// An instance that may answer requests.
pub struct Instance {
    store: Store<State>,
    proxy: Proxy,
    clock: EpochTicker,
    /// Requests that it was given.
    pub served: u32,
    /// Time in which it was created.
    pub made_in: Duration,
}

/// A request, and where its response goes.
pub struct Job {
    /// The request.
    pub request: Request,
    /// Takes the head of the response, or why there is none.
    pub respond: oneshot::Sender<wasmtime::Result<Response>>,
    /// When the head of the response is due.
    pub deadline: Instant,
}

/// Further requests for an instance that is at work.
pub trait RequestSource {
    /// The next request; pending while there is none. Polled while the guest would begin one at once.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Job>;
    /// The request that was due at `deadline` has its response.
    fn finished(&mut self, deadline: Instant);
    /// No more requests will come, but for the one returned.
    fn close(&mut self) -> Option<Job>;
}

impl Instance {
    /// An instance in `store` that was made in `made_in` and is interrupted by `clock`.
    pub fn new(store: Store<State>, proxy: Proxy, clock: EpochTicker, made_in: Duration) -> Self {
        Self { store, proxy, clock, served: 0, made_in }
    }

    /// What watches its turns.
    pub fn meter(&self) -> Arc<CpuMeter> {
        Arc::clone(self.store.data().meter())
    }

    /// Whether more memory was asked for than may be had.
    pub fn was_refused_memory(&self) -> bool {
        self.store.data().was_refused_memory()
    }

    /// Answers `first` and the requests of `source`, until there is none and all bodies are
    /// written.
    pub async fn serve(
        &mut self,
        first: Job,
        source: &mut (impl RequestSource + Send),
    ) -> wasmtime::Result<()> {
        let meter = self.meter();
        let _running = self.clock.run();
        let Self { store, proxy, served, .. } = self;
        let proxy = &*proxy;
        store
            .run_concurrent(async |accessor| {
                let mut running = FuturesUnordered::new();
                let mut next = Some(first);
                let handler = handler(proxy);
                loop {
                    if let Some(Job { request, respond, deadline }) = next.take() {
                        *served = served.saturating_add(1);
                        meter.begin_again();
                        let prepared = accessor.with(|mut store| {
                            let store = store.as_context_mut();
                            Prepared::new(store, proxy, request, State::http, respond)
                        })?;
                        running.push(async move {
                            prepared.run(accessor, pending()).await.map(|_| deadline)
                        });
                    }
                    tokio::select! {
                        done = running.next() => match done {
                            Some(deadline) => source.finished(deadline?),
                            None => match source.close() {
                                Some(job) => next = Some(job),
                                None => break,
                            },
                        },
                        job = poll_fn(|context| {
                            ready!(accessor.poll_ready_for_concurrent_call(handler, context));
                            source.poll_next(context)
                        }) => next = Some(job),
                    }
                }
                // The guest may still be writing bodies.
                poll_fn(|context| accessor.poll_no_interesting_tasks(context)).await;
                Ok(())
            })
            .await?
    }
}

/// The function that requests are given to.
fn handler(proxy: &Proxy) -> Func {
    match proxy {
        Proxy::P3(guest) => *guest.wasi_http_handler().func_handle().func(),
        Proxy::P2(guest) => *guest.wasi_http_incoming_handler().func_handle().func(),
    }
}
