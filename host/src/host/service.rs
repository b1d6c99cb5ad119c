//! A host as a [`tower::Service`].

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body_util::BodyExt as _;
use pilotlight_telemetry::ErrorKind;
use pilotlight_wire::Coding;
use tracing::Instrument as _;
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

use super::{DEFAULT_FUNCTION, Host};
use crate::body::Body;
use crate::broken_body::{BodyRefusal, BrokenBody};
use crate::decompress::{DecodeError, Decoded, take_coding, unsupported};
use crate::request_id::REQUEST_ID;
use crate::request_target::{malformed, normalize};
use crate::telemetry::Exchange;

impl Host {
    async fn answer(self, request: Request<WasiBody>) -> Response<Body> {
        let (mut head, body) = request.into_parts();
        let normal = normalize(&mut head);
        let mut exchange = Exchange::begin(&self.0.telemetry, &head);
        let span = exchange.span();
        let (version, broken) = (head.version, broken_body(&mut head));
        let mut response = match normal {
            Ok(()) => self.decode(head, body, &mut exchange).instrument(span).await,
            Err(bad) => {
                exchange.failed(ErrorKind::Malformed);
                malformed(&bad)
            }
        };
        if let Some(refusal) = broken.get() {
            response = broke_off(refusal, version, &mut exchange);
        }
        let id = exchange.caption().id();
        response.headers_mut().entry(REQUEST_ID).or_insert_with(|| id.clone());
        exchange.answered(response.status(), response.headers());
        response.map(|body| body.ending(exchange))
    }

    /// Decodes the body, unless a server has done so: what looks into it has to see what the function
    /// sees. How long it may be is up to them.
    async fn decode(
        self,
        mut head: Parts,
        body: WasiBody,
        exchange: &mut Exchange,
    ) -> Response<Body> {
        if head.method == Method::OPTIONS && head.uri.path() == "*" {
            // About the server as a whole (RFC 9110, section 9.3.7): no function is meant.
            let mut response = Body::empty(StatusCode::NO_CONTENT);
            let allowed = HeaderValue::from_static("GET, HEAD, POST");
            response.headers_mut().insert(header::ALLOW, allowed);
            return response;
        }
        let body = match take_coding(&mut head) {
            Ok(Coding::Identity) => body,
            Ok(coding) => {
                let broken = broken_body(&mut head);
                let failed = move |error| not_decoded(error, &broken);
                Decoded::new(body, coding, u64::MAX).map_err(failed).boxed_unsync()
            }
            Err(other) => {
                exchange.failed(ErrorKind::Malformed);
                return unsupported(&other);
            }
        };
        self.respond(Request::from_parts(head, body), exchange).await
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

/// What tells why the body of a request broke off.
fn broken_body(head: &mut Parts) -> BrokenBody {
    head.extensions.get_or_insert_default::<BrokenBody>().clone()
}

/// What a function is told of a body that could not be decoded.
fn not_decoded(error: DecodeError<HttpError>, broken: &BrokenBody) -> HttpError {
    match error {
        DecodeError::Content(error) => error,
        DecodeError::TooLarge(limit) => {
            broken.set(|| BodyRefusal::too_large(error.to_string()));
            HttpError::HttpRequestBodySize(Some(limit))
        }
        DecodeError::Broken(_) => {
            broken.set(|| BodyRefusal::malformed(error.to_string()));
            HttpError::ConnectionTerminated
        }
    }
}

/// Replaces the answer of whoever was reading the body when it broke off.
fn broke_off(refusal: &BodyRefusal, version: Version, exchange: &mut Exchange) -> Response<Body> {
    exchange.refused(refusal.kind);
    let mut response = refusal.response();
    if version < Version::HTTP_2 {
        // What is left of the body cannot be told from another request.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
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
        let (mut head, body) = request.into_parts();
        let broken = broken_body(&mut head);
        let failed = move |error: B::Error| {
            tracing::debug!(%error, "the request broke off");
            let told = || format!("the body was not received whole: {error}");
            broken.set(|| BodyRefusal::malformed(told()));
            HttpError::ConnectionTerminated
        };
        let request = Request::from_parts(head, body.map_err(failed).boxed_unsync());
        let host = self.clone();
        Box::pin(async move { Ok(host.answer(request).await) })
    }
}
