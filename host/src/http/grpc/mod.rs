//! The gRPC service of the Open Inference Protocol, version 2 (`inference.GRPCInferenceService`). It converts each call to
//! the HTTP request of the same protocol, for the version to which the call was routed.
//! Used by the stack of layers. Functions do not know gRPC.

mod calls;
mod config;
mod contents;
mod infer;
mod messages;
#[cfg(test)]
mod tests;

use http::request::Parts;
use http::{HeaderMap, Request, Response, header};
use wasmtime_wasi_http::WasiBody;

use super::middleware::{Middleware, Next};
use crate::request::{Body, grpc};
use calls::Function;

/// Answers calls of the service, and leaves other requests to the layers below.
#[derive(Clone)]
pub(in crate::http) struct Grpc;

impl Middleware for Grpc {
    async fn handle<N: Next>(self, request: Request<WasiBody>, next: N) -> Response<Body> {
        let call = request.uri().path().strip_prefix(grpc::SERVICE).map(str::to_owned);
        match call.filter(|_| is_grpc(request.headers())) {
            None => next.run(request).await,
            Some(call) => Function::new(&request, next).answer(&call, request).await,
        }
    }
}

/// Whether a request is a call; gRPC-Web is another protocol.
pub(in crate::http) fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let rest = content_type.and_then(|value| value.strip_prefix("application/grpc"));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', ';']))
}

/// The head of a request to the function on behalf of `call`: its routing, its context and its headers.
pub(in crate::http) fn head(call: &Request<WasiBody>) -> Parts {
    let mut head = Request::new(()).into_parts().0;
    head.version = call.version();
    head.extensions = call.extensions().clone();
    let kept = call.headers().iter().filter(|(name, _)| !is_of_grpc(name.as_str()));
    head.headers = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
    head
}

/// Headers that are about the call's own body.
fn is_of_grpc(name: &str) -> bool {
    name.starts_with("grpc-")
        || matches!(name, "content-type" | "content-length" | "te" | "accept-encoding")
}
