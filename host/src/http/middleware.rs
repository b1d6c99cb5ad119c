//! Layers as async functions: what each layer of [`super::stack`] is written as.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower::{Layer, Service, ServiceExt as _};
use wasmtime_wasi_http::WasiBody;

use crate::request::Body;

/// A layer of the stack: it sees a request on its way in, and the response on its way out.
pub(super) trait Middleware: Clone + Send + 'static {
    /// Answers `request`, or has `next` answer it.
    fn handle<N: Next>(
        self,
        request: Request<WasiBody>,
        next: N,
    ) -> impl Future<Output = Response<Body>> + Send;
}

/// The layers below a layer.
pub(super) trait Next: Clone + Send + 'static {
    fn run(self, request: Request<WasiBody>) -> impl Future<Output = Response<Body>> + Send;
}

impl<S> Next for S
where
    S: Service<Request<WasiBody>, Response = Response<Body>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
{
    async fn run(self, request: Request<WasiBody>) -> Response<Body> {
        let Ok(response) = self.oneshot(request).await;
        response
    }
}

/// A [`Middleware`] as a tower layer.
#[derive(Clone)]
pub(super) struct Around<M>(pub(super) M);

/// A service behind a [`Middleware`].
#[derive(Clone)]
pub(super) struct Wrapped<M, S> {
    middleware: M,
    next: S,
}

impl<M: Clone, S> Layer<S> for Around<M> {
    type Service = Wrapped<M, S>;

    fn layer(&self, next: S) -> Wrapped<M, S> {
        Wrapped { middleware: self.0.clone(), next }
    }
}

impl<M: Middleware, S: Next> Service<Request<WasiBody>> for Wrapped<M, S> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Whoever has no room says so in a response.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<WasiBody>) -> Self::Future {
        let Self { middleware, next } = self.clone();
        Box::pin(async move { Ok(middleware.handle(request, next).await) })
    }
}
