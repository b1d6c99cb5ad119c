//! Layers as async functions: what each layer of [`super::stack`] is written as.
//!
//! A stack is made for one request and consumed by it, so that a layer does not clone what is
//! below it.

use std::pin::Pin;

use http::{Request, Response};
use tower::Layer;
use tower::util::Either;
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

/// A [`Middleware`] as a tower layer, with a future of its own on the heap.
#[derive(Clone)]
pub(super) struct Around<M>(pub(super) M);

/// A [`Middleware`] as a tower layer whose future is a part of the future above it. For layers that do little
/// and stand above the first [`Around`].
#[derive(Clone)]
pub(super) struct Inline<M>(pub(super) M);

/// An [`Around`] and the layers below it.
#[derive(Clone)]
pub(super) struct Wrapped<M, S> {
    middleware: M,
    next: S,
}

/// An [`Inline`] and the layers below it.
#[derive(Clone)]
pub(super) struct Inlined<M, S> {
    middleware: M,
    next: S,
}

impl<M: Clone, S> Layer<S> for Around<M> {
    type Service = Wrapped<M, S>;

    fn layer(&self, next: S) -> Wrapped<M, S> {
        Wrapped { middleware: self.0.clone(), next }
    }
}

impl<M: Clone, S> Layer<S> for Inline<M> {
    type Service = Inlined<M, S>;

    fn layer(&self, next: S) -> Inlined<M, S> {
        Inlined { middleware: self.0.clone(), next }
    }
}

impl<M: Middleware, S: Next> Next for Wrapped<M, S> {
    // Not an async function: its future would hold the request once more, beside the one in the box.
    fn run(self, request: Request<WasiBody>) -> impl Future<Output = Response<Body>> + Send {
        // Boxed, or the type of the whole stack would be too deep for the compiler.
        let handled = Box::pin(self.middleware.handle(request, self.next));
        handled as Pin<Box<dyn Future<Output = Response<Body>> + Send>>
    }
}

impl<M: Middleware, S: Next> Next for Inlined<M, S> {
    fn run(self, request: Request<WasiBody>) -> impl Future<Output = Response<Body>> + Send {
        self.middleware.handle(request, self.next)
    }
}

/// A layer that may be left out.
impl<A: Next, B: Next> Next for Either<A, B> {
    async fn run(self, request: Request<WasiBody>) -> Response<Body> {
        match self {
            Self::Left(next) => next.run(request).await,
            Self::Right(next) => next.run(request).await,
        }
    }
}
