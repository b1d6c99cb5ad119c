//! A component in memory, and the requests that it answers.
//!
//! Knows Wasmtime's interface to `wasi:http`, whose 0.3 half is experimental, together with
//! [`crate::function`].

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

use crate::clock::Clock;
use crate::meter::Meter;
use crate::store::State;

/// An instance that may answer requests.
pub(crate) struct Instance {
    store: Store<State>,
    proxy: Proxy,
    clock: Clock,
    /// Requests that it was given.
    pub(crate) served: u32,
    /// How long it took to be made.
    pub(crate) made_in: Duration,
}

/// A request, and where its response goes.
pub(crate) struct Job {
    pub(crate) request: Request,
    pub(crate) respond: oneshot::Sender<wasmtime::Result<Response>>,
    pub(crate) deadline: Instant,
}

/// Further requests for an instance that is at work.
pub(crate) trait Shift {
    /// The next request; pending while there is none. Polled while the guest would begin one at once.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Job>;
    /// The request that was due at `deadline` has its response.
    fn end(&mut self, deadline: Instant);
    /// No more requests will come, but for the one returned.
    fn close(&mut self) -> Option<Job>;
}

impl Instance {
    pub(crate) fn new(store: Store<State>, proxy: Proxy, clock: Clock, made_in: Duration) -> Self {
        Self { store, proxy, clock, served: 0, made_in }
    }

    /// What watches its turns.
    pub(crate) fn meter(&self) -> Arc<Meter> {
        Arc::clone(self.store.data().meter())
    }

    /// Whether more memory was asked for than may be had.
    pub(crate) fn was_refused_memory(&self) -> bool {
        self.store.data().was_refused_memory()
    }

    /// Answers `first` and the requests of `shift`, until there is none and all bodies are
    /// written.
    pub(crate) async fn serve(
        &mut self,
        first: Job,
        shift: &mut (impl Shift + Send),
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
                            Some(deadline) => shift.end(deadline?),
                            None => match shift.close() {
                                Some(job) => next = Some(job),
                                None => break,
                            },
                        },
                        job = poll_fn(|context| {
                            ready!(accessor.poll_ready_for_concurrent_call(handler, context));
                            shift.poll_next(context)
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
