//! Data that travels with a request: its context, its target, its body and the body of its response.
//! Used by every other folder. Does not know functions, routes or sockets.

mod body;
mod collect;
mod context;
pub(crate) mod decompress;
mod dialect;
pub(crate) mod grpc;
mod id;
mod refused_body;
mod session;
pub(crate) mod target;
mod zlib;

use std::net::IpAddr;

use http::request::Parts;

pub use body::Body;
pub(crate) use collect::{CollectError, collect, received, whole};
pub(crate) use context::RequestContext;
pub(crate) use dialect::in_dialect;
pub(crate) use id::{REQUEST_ID, request_id};
pub(crate) use refused_body::RefusedBody;
pub(crate) use session::Session;
pub use session::SessionLimits;

/// Client address of a request; a server adds it to the request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// Longest body, in bytes, that is accepted of a request; one of its extensions.
#[derive(Clone, Copy)]
pub(crate) struct BodyLimit(pub(crate) u64);

/// Among the extensions of a request that may begin a session: its body is read by the function, as it
/// comes.
#[derive(Clone, Copy)]
pub(crate) struct BeginsSession;

/// Why a request comes to no version: as what it is counted, and the response.
pub(crate) type Refusal = (pilotlight_telemetry::ErrorKind, http::Response<Body>);

/// Who sent the request, where that is known.
pub(crate) fn client(head: &Parts) -> Option<IpAddr> {
    head.extensions.get::<ClientAddress>().map(|client| client.0)
}
