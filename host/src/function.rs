//! A component that answers HTTP requests, each in an instance of its own.
//!
//! The only file that knows Wasmtime's interface to `wasi:http`, whose 0.3 half is
//! experimental. It drives instances itself instead of using Wasmtime's `ProxyHandler`, which
//! queues requests, reuses instances and starts workers without bound: here an instance belongs
//! to one request, and where instances come from is ours to decide.

use std::future::poll_fn;
use std::sync::Arc;

use futures::channel::oneshot;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};
use wasmtime::component::{Component, Linker};
use wasmtime::{AsContextMut as _, Engine, Store};
use wasmtime_wasi_http::handler::Response as WasiResponse;
use wasmtime_wasi_http::handler::{Prepared, Proxy, ProxyPre, Request};
use wasmtime_wasi_http::{WasiHttpView as _, p2, p3};

use crate::body::{AbortOnDrop, Body};
use crate::config::Options;
use crate::error::{Error, Result};
use crate::store::{State, new_store, serving_context};

/// A component, linked and ready to be instantiated.
#[derive(Clone)]
pub(crate) struct Function(Arc<Inner>);

struct Inner {
    engine: Engine,
    pre: ProxyPre<State>,
    options: Options,
}

/// What a request may use: an instance, and time.
pub(crate) struct Place {
    pub(crate) permit: OwnedSemaphorePermit,
    pub(crate) deadline: Instant,
}

/// An instance was ended at the deadline of its request.
#[derive(Debug, thiserror::Error)]
#[error("the deadline of the request has passed")]
pub(crate) struct DeadlinePassed;

/// Response of a function.
pub(crate) type Response = http::Response<Body>;

/// Adds all of WASI 0.2 and 0.3 that a guest may import.
pub(crate) fn add_wasi(linker: &mut Linker<State>) -> Result<()> {
    let add = |linker: &mut Linker<State>| {
        wasmtime_wasi::p2::add_to_linker_async(linker)?;
        wasmtime_wasi::p3::add_to_linker(linker)?;
        p2::add_only_http_to_linker_async(linker)?;
        p3::add_to_linker(linker)
    };
    add(linker).map_err(Error::runtime("linking WASI"))
}

impl Function {
    /// Links `component`, which is called `name` in errors.
    pub(crate) fn new(component: &Component, name: &str, options: &Options) -> Result<Self> {
        let refuse = |reason: String| Error::Component { name: name.to_owned(), reason };
        let engine = component.engine().clone();
        let mut linker = Linker::new(&engine);
        add_wasi(&mut linker)?;
        let pre = linker
            .instantiate_pre(component)
            .map_err(|error| refuse(format!("cannot be linked: {error:#}")))?;
        let pre = match p3::bindings::ServicePre::new(pre.clone()) {
            Ok(service) => ProxyPre::P3(service),
            Err(_) => ProxyPre::P2(p2::bindings::ProxyPre::new(pre).map_err(|_| {
                refuse(
                    "exports neither wasi:http/handler@0.3 nor wasi:http/incoming-handler@0.2"
                        .to_owned(),
                )
            })?),
        };
        Ok(Self(Arc::new(Inner { engine, pre, options: options.clone() })))
    }

    /// Answers one request in a fresh instance. The instance ends, and frees its place, when it
    /// has written the body, when nobody reads the body, or at the deadline.
    pub(crate) async fn call(&self, request: Request, place: Place) -> wasmtime::Result<Response> {
        let Place { permit, deadline } = place;
        let (sender, receiver) = oneshot::channel();
        let function = self.clone();
        let mut task = tokio::spawn(async move {
            let result = timeout_at(deadline, function.run(request, sender)).await;
            drop(permit);
            result.unwrap_or_else(|_| Err(DeadlinePassed.into()))
        });
        let instance = AbortOnDrop(task.abort_handle());
        let failure = match receiver.await {
            Ok(Ok(response)) => return Ok(response.map(|content| Body::new(content, instance))),
            Ok(Err(error)) => error,
            // The sender went away unused: the instance ended first, and knows why.
            Err(_) => match (&mut task).await {
                Ok(Ok(())) => wasmtime::format_err!("the guest ended without a response"),
                Ok(Err(error)) => error,
                Err(error) => wasmtime::format_err!("{error}"),
            },
        };
        // An instance that is cut off sends an error that tells of an absent response only.
        let passed = Instant::now() >= deadline;
        Err(if passed { DeadlinePassed.into() } else { failure })
    }

    async fn run(
        &self,
        request: Request,
        sender: oneshot::Sender<wasmtime::Result<WasiResponse>>,
    ) -> wasmtime::Result<()> {
        let (mut store, proxy) = self.instantiate().await?;
        store
            .run_concurrent(async |accessor| {
                let prepared = accessor.with(|mut store| {
                    Prepared::new(store.as_context_mut(), &proxy, request, State::http, sender)
                })?;
                prepared.run(accessor, futures::future::pending()).await?;
                // The guest may still be writing the body.
                poll_fn(|context| accessor.poll_no_interesting_tasks(context)).await;
                Ok(())
            })
            .await?
    }

    async fn instantiate(&self) -> wasmtime::Result<(Store<State>, Proxy)> {
        let Inner { engine, pre, options } = &*self.0;
        let context = serving_context(options)?;
        let mut store = new_store(engine, context, options.memory_limit);
        let proxy = pre.instantiate_async(&mut store).await?;
        Ok((store, proxy))
    }
}
