use std::collections::hash_map::RandomState;
use std::convert::Infallible;
use std::hash::{BuildHasher as _, Hasher as _};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use pilotlight_nn::Graphs;
use tokio::time::Instant;
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

use crate::artifact::{self, ModelCompute, Source};
use crate::body::Body;
use crate::cache::Cache;
use crate::config::Options;
use crate::engine;
use crate::error::{Error, Result};
use crate::function::Function;
use crate::graph;
use crate::machine_code;
use crate::memory::Memories;
use crate::pool::{DeadlinePassed, NoInstance, Pool, PoolStatus};
use crate::progress::Progress;
use crate::store::serving_context;

const REQUEST_ID: &str = "x-request-id";
const SERVER_TIMING: &str = "server-timing";
const LONGEST_ID: usize = 128;

/// A function that answers HTTP requests, each in a fresh instance. Clones share it.
///
/// It is a [`tower::Service`], so axum, hyper and others can mount it.
#[derive(Clone)]
pub struct Host {
    pool: Arc<Pool>,
    graphs: Option<Arc<Graphs>>,
    request_timeout: Duration,
    server_timing: bool,
}

/// Why a request got no answer from the function.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("no instance became free in time")]
    Overloaded,
    #[error("the function took too long")]
    TimedOut,
    #[error("the function failed: {0:#}")]
    Broken(wasmtime::Error),
}

impl Host {
    /// Loads `source`, building and compiling what `cache` does not hold yet, and starts to make
    /// instances ready.
    ///
    /// # Errors
    /// [`Error`] naming the file and the reason.
    pub async fn load(
        source: Source,
        options: Options,
        cache: Cache,
        progress: impl Fn(crate::Stage) + Send + Sync + 'static,
    ) -> Result<Self> {
        options.check().map_err(Error::Options)?;
        let mut options = options;
        if let Source::Model { compute: ModelCompute::Host(compute), .. } = &source {
            options.graphs = Some(Arc::clone(&compute.graphs));
        }
        let graphs = options.graphs.clone();
        let (request_timeout, server_timing) = (options.request_timeout, options.server_timing);
        let load = move || Self::load_blocking(&source, &options, &cache, &progress);
        let pool = tokio::task::spawn_blocking(load)
            .await
            .map_err(|error| Error::Initialiser(error.to_string()))??;
        Ok(Self { pool: Arc::new(pool), graphs, request_timeout, server_timing })
    }

    /// The graphs that its instances compute, if there are any.
    pub fn graphs(&self) -> Option<&Graphs> {
        self.graphs.as_deref()
    }

    /// What the function's pool of instances holds.
    pub fn pool(&self) -> PoolStatus {
        self.pool.status()
    }

    fn load_blocking(
        source: &Source,
        options: &Options,
        cache: &Cache,
        progress: Progress<'_>,
    ) -> Result<Pool> {
        // A model that cannot be mounted is an error now, not at each request.
        serving_context(options)?;
        let memories = Memories::new();
        let engine = engine::serving(&memories)?;
        let artifact = artifact::prepare(source, (&engine, &memories), cache, progress)?;
        if artifact.compiled {
            machine_code::give_memory_back();
        }
        if let (Source::Component(file), Some(record)) = (source, &artifact.graph) {
            graph::find(file, record, options, cache)?;
        }
        if let (Some(record), Some(graphs)) = (&artifact.graph, &options.graphs) {
            graph::warn_if_slow(record, graphs);
        }
        let function = Function::new(&artifact.component, &artifact.name, options)?;
        Pool::new(function, memories, options)
    }

    async fn answer(self, request: Request<WasiBody>) -> Response<Body> {
        let id = request.headers().get(REQUEST_ID).filter(|id| valid(id)).cloned();
        let id = id.unwrap_or_else(new_id);
        match self.run(request).await {
            Ok(response) => response,
            Err(failure) => {
                tracing::error!(id = id.to_str().unwrap_or_default(), %failure, "no answer");
                failure.into_response(id)
            }
        }
    }

    async fn run(
        &self,
        request: Request<WasiBody>,
    ) -> std::result::Result<Response<Body>, Failure> {
        let deadline = Instant::now() + self.request_timeout;
        let called = self.pool.call(request, deadline).await;
        let (mut response, timings) = called.map_err(|error| {
            if error.is::<NoInstance>() {
                Failure::Overloaded
            } else if error.is::<DeadlinePassed>() {
                Failure::TimedOut
            } else {
                Failure::Broken(error)
            }
        })?;
        if self.server_timing {
            response.headers_mut().insert(SERVER_TIMING, timings.header());
        }
        Ok(response)
    }
}

fn valid(id: &HeaderValue) -> bool {
    id.len() <= LONGEST_ID && id.as_bytes().iter().all(u8::is_ascii_graphic) && !id.is_empty()
}

/// Names a request in the log; nothing may rely on it being hard to guess.
fn new_id() -> HeaderValue {
    let number = RandomState::new().build_hasher().finish();
    HeaderValue::from_str(&format!("{number:016x}"))
        .unwrap_or_else(|_| HeaderValue::from_static("none"))
}

impl Failure {
    fn into_response(self, id: HeaderValue) -> Response<Body> {
        let (status, error_type, error) = match self {
            Self::Overloaded => {
                (StatusCode::SERVICE_UNAVAILABLE, "overloaded", "all instances are busy; try again")
            }
            Self::TimedOut => (
                StatusCode::GATEWAY_TIMEOUT,
                "timeout",
                "the function took too long; send less at once",
            ),
            Self::Broken(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "the function failed; the server's log says why",
            ),
        };
        let body = serde_json::json!({"error": error, "error_type": error_type});
        let mut response = Response::new(Body::full(body.to_string().into_bytes()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(REQUEST_ID, id);
        response
    }
}

impl<B> tower::Service<Request<B>> for Host
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::fmt::Display,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future =
        Pin<Box<dyn Future<Output = std::result::Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::result::Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let request = request.map(|body| {
            let broken = |error: B::Error| {
                tracing::debug!(%error, "the request broke off");
                HttpError::ConnectionTerminated
            };
            body.map_err(broken).boxed_unsync()
        });
        let host = self.clone();
        Box::pin(async move { Ok(host.answer(request).await) })
    }
}
