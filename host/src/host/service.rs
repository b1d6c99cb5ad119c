//! A host as a [`tower::Service`].

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use pilotlight_telemetry::ErrorKind;
use tracing::Instrument as _;
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

use super::{DEFAULT_FUNCTION, Host};
use crate::body::Body;
use crate::telemetry::Exchange;

impl Host {
    async fn answer(self, request: Request<WasiBody>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let mut exchange = Exchange::begin(&self.0.telemetry, &head);
        let request = Request::from_parts(head, body);
        let span = exchange.span();
        let response = self.respond(request, &mut exchange).instrument(span).await;
        exchange.answered(response.status(), response.headers());
        response.map(|body| body.ending(exchange))
    }

    async fn respond(&self, request: Request<WasiBody>, exchange: &mut Exchange) -> Response<Body> {
        let table = self.table();
        if let Some(routing) = &table.routing {
            return routing.answer(request, &|target| table.find(target), exchange).await;
        }
        match table.deployment(DEFAULT_FUNCTION) {
            Ok(deployment) => deployment.current().answer(request, exchange).await,
            Err(error) => {
                exchange.failed(ErrorKind::NotFound);
                Body::refusal(StatusCode::NOT_FOUND, "not_found", &error.to_string())
            }
        }
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
