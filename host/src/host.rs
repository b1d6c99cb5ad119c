use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use tokio::sync::Semaphore;
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

use crate::artifact::{self, Source};
use crate::body::Body;
use crate::cache::Cache;
use crate::config::Options;
use crate::engine;
use crate::error::{Error, Result};
use crate::function::Function;
use crate::progress::Progress;

const REQUEST_ID: &str = "x-request-id";

/// A function that answers HTTP requests, each in a fresh instance. Clones share it.
///
/// It is a [`tower::Service`], so axum, hyper and others can mount it.
#[derive(Clone)]
pub struct Host {
    function: Function,
    instances: Arc<Semaphore>,
    request_timeout: Duration,
}

/// Why a request got no answer from the function.
enum Failure {
    Overloaded,
    TimedOut,
    Broken,
}

impl Host {
    /// Loads `source`, building and compiling what `cache` does not hold yet.
    ///
    /// # Errors
    /// [`Error`] naming the file and the reason.
    pub async fn load(
        source: Source,
        options: Options,
        cache: Cache,
        progress: impl Fn(crate::Stage) + Send + Sync + 'static,
    ) -> Result<Self> {
        let instances = Arc::new(Semaphore::new(options.max_instances as usize));
        let request_timeout = options.request_timeout;
        let load = move || Self::load_blocking(&source, &options, &cache, &progress);
        let function = tokio::task::spawn_blocking(load)
            .await
            .map_err(|error| Error::Initialiser(error.to_string()))??;
        Ok(Self { function, instances, request_timeout })
    }

    fn load_blocking(
        source: &Source,
        options: &Options,
        cache: &Cache,
        progress: Progress<'_>,
    ) -> Result<Function> {
        let engine = engine::serving(options)?;
        let artifact = artifact::prepare(source, &engine, cache, progress)?;
        Function::new(&artifact.component, &artifact.name, options)
    }

    async fn answer(self, request: Request<WasiBody>) -> Response<Body> {
        let id = request.headers().get(REQUEST_ID).cloned();
        let answered = tokio::time::timeout(self.request_timeout, self.run(request));
        let failure = match answered.await {
            Ok(Ok(response)) => return response,
            Ok(Err(failure)) => failure,
            Err(_) if self.instances.available_permits() == 0 => Failure::Overloaded,
            Err(_) => Failure::TimedOut,
        };
        failure.into_response(id)
    }

    async fn run(
        &self,
        request: Request<WasiBody>,
    ) -> std::result::Result<Response<Body>, Failure> {
        let permit = self.instances.clone().acquire_owned().await;
        let permit = permit.map_err(|_| Failure::Overloaded)?;
        match self.function.call(request, permit).await {
            Ok(response) => Ok(response.map(Body::new)),
            Err(error) => {
                tracing::error!(error = %format!("{error:#}"), "the function failed");
                Err(Failure::Broken)
            }
        }
    }
}

impl Failure {
    fn into_response(self, id: Option<HeaderValue>) -> Response<Body> {
        let (status, error_type, error) = match self {
            Self::Overloaded => {
                (StatusCode::SERVICE_UNAVAILABLE, "overloaded", "all instances are busy; try again")
            }
            Self::TimedOut => (
                StatusCode::GATEWAY_TIMEOUT,
                "timeout",
                "the function took too long; send less at once",
            ),
            Self::Broken => (
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
        if let Some(id) = id {
            headers.insert(REQUEST_ID, id);
        }
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
