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
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

use crate::artifact::{self, Source};
use crate::body::Body;
use crate::cache::Cache;
use crate::config::Options;
use crate::engine;
use crate::error::{Error, Result};
use crate::function::{DeadlinePassed, Function, Place};
use crate::progress::Progress;
use crate::store::serving_context;

const REQUEST_ID: &str = "x-request-id";
const LONGEST_ID: usize = 128;

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
        options.check().map_err(Error::Options)?;
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
        // A model that cannot be mounted is an error now, not at each request.
        serving_context(options)?;
        let engine = engine::serving(options)?;
        let artifact = artifact::prepare(source, &engine, cache, progress)?;
        Function::new(&artifact.component, &artifact.name, options)
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
        let permit = timeout_at(deadline, Arc::clone(&self.instances).acquire_owned()).await;
        let Ok(Ok(permit)) = permit else { return Err(Failure::Overloaded) };
        let place = Place { permit, deadline };
        self.function.call(request, place).await.map_err(|error| {
            match error.is::<DeadlinePassed>() {
                true => Failure::TimedOut,
                false => Failure::Broken(error),
            }
        })
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

#[cfg(test)]
mod tests {
    use http_body_util::Full;
    use tower::Service as _;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_request_that_waits_in_vain_is_a_503() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("component.wasm");
        let text = include_str!("../tests/handler.wat").replace("BODY", "unreachable");
        std::fs::write(&file, wat::parse_str(text).unwrap()).unwrap();
        let cache = Cache::open(Some(folder.path().join("cache"))).unwrap();
        let options = Options {
            max_instances: 1,
            request_timeout: Duration::from_millis(1),
            ..Options::default()
        };
        let mut host = Host::load(Source::Component(file), options, cache, |_| {}).await.unwrap();
        let taken = Arc::clone(&host.instances).acquire_owned().await.unwrap();
        let request = || Request::new(Full::<Bytes>::default());
        assert_eq!(host.call(request()).await.unwrap().status(), 503);
        drop(taken);
        host.request_timeout = Duration::from_secs(60);
        assert_eq!(host.call(request()).await.unwrap().status(), 500);
    }
}
