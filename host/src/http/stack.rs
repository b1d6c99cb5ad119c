//! The path of a request, from the socket to the instance, one layer after the other.
//!
//! Before the stack, for each connection: [`Server`](super::Server) accepts it (limits per client,
//! PROXY protocol), does the TLS handshake, and hyper reads heads within [`ServerLimits`](super::ServerLimits).
//! `hyper_service` refuses heads that name no valid host, client or too many fields.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use tower::util::option_layer;
use tower::{Service, ServiceBuilder};

use super::cors::Cors;
#[cfg(feature = "grpc")]
use super::external_processing::ExternalProcessing;
#[cfg(feature = "grpc")]
use super::grpc::Grpc;
use super::layers::{
    Authenticate, Call, CatchPanic, CloseUnread, Decompress, Deidentify, FailOpen, LimitBody,
    Mirror, NormalizeTarget, Observe, Refusals, RequestId, Route, Split, Statistics,
};
use super::middleware::{Around, Inline};
use super::request_body::RequestBodies;
use super::websocket::WebSockets;
use crate::request::Body;
use crate::routing::Functions;
use crate::telemetry::Telemetry;

/// What the layers of a stack share.
#[derive(Clone)]
pub(crate) struct Stack {
    pub(crate) functions: Functions,
    pub(crate) telemetry: Telemetry,
    /// None: bodies are read by the function, as they come.
    pub(crate) bodies: Option<RequestBodies>,
    pub(crate) cors: Option<Cors>,
}

impl Stack {
    /// All layers, top to bottom. Each calls only the next one.
    pub(crate) fn service<B>(
        &self,
    ) -> impl Service<Request<B>, Response = Response<Body>, Error = Infallible, Future: Send>
    + Clone
    + Send
    + use<B>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: std::fmt::Display,
    {
        ServiceBuilder::new()
            // Above everything that responds: browsers hide refusals without its headers, too.
            .layer(option_layer(self.cors.clone()))
            // Begins the request context that all layers below use. Counts, logs and traces the request
            // until the last byte of its response.
            .layer(Observe(self.telemetry.clone()))
            // Above everything that responds: refusals have the id, too.
            .layer(Inline(RequestId))
            // Above `Refusals`, which replaces responses together with their headers.
            .layer(Inline(CloseUnread))
            // Above all layers that refuse requests.
            .layer(Inline(Refusals))
            // Below `Refusals`: the response to a panic is a refusal like any other.
            .layer(Inline(CatchPanic))
            // Above everything that looks at the path.
            .layer(Around(NormalizeTarget))
            // Needs only the head. Above the request body: the body of an unauthenticated request is not read.
            .layer(Around(Authenticate(self.functions.clone())))
            // Above the layers that read the body: one that is too long is refused before it is received.
            .layer(Around(LimitBody(self.functions.clone())))
            // Above all queues: a client that sends slowly takes no place in them.
            .layer(option_layer(self.bodies.clone().map(Around)))
            // Above routes and de-identification, which look into bodies as functions see them.
            .layer(Around(Decompress))
            // Below the request body: a route can match on it.
            .layer(Around(Route(self.functions.clone())))
            // Below routing: a call goes to the version to which its own path was routed. Above all layers
            // that look at the requests of functions.
            .layer(grpc())
            // Below routing: the statistics are those of the version that the request was routed to.
            .layer(Around(Statistics))
            // Above all layers that see the session on a connection as a request.
            .layer(Around(WebSockets))
            // Above all layers that process texts: it makes a request for each text.
            .layer(external_processing())
            // Above all layers that can fail because of the function, below authentication.
            .layer(Around(FailOpen))
            // Above everything that sends a request to a function: it takes only positions from the answer.
            .layer(Around(Deidentify))
            // Below de-identification: a shadow gets what the function gets.
            .layer(Around(Mirror))
            // Below all layers that look at whole requests. Each part is admitted separately.
            .layer(Around(Split))
            // Admission control, instance pool, instance.
            .service(Call)
    }
}

#[cfg(feature = "grpc")]
fn grpc() -> Around<Grpc> {
    Around(Grpc)
}

#[cfg(feature = "grpc")]
fn external_processing() -> Around<ExternalProcessing> {
    Around(ExternalProcessing)
}

#[cfg(not(feature = "grpc"))]
fn external_processing() -> tower::layer::util::Identity {
    tower::layer::util::Identity::new()
}

#[cfg(not(feature = "grpc"))]
fn grpc() -> tower::layer::util::Identity {
    tower::layer::util::Identity::new()
}
