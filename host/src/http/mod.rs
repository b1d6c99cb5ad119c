//! Listeners, TLS, connections, and the stack of layers that a request goes through.
//!
//! [`stack`] lists the layers from top to bottom. Uses routing and deployments; the host and the
//! administration use it.

mod activity;
mod authority;
mod client;
mod connection;
mod cors;
#[cfg(feature = "grpc")]
mod external_processing;
#[cfg(feature = "grpc")]
mod grpc;
mod holdings;
mod hyper_service;
mod layers;
mod limits;
mod listener;
mod middleware;
mod request_body;
mod server;
mod stack;
mod stream;
mod tls;
mod unix;
mod unread;
mod upgrade;
mod websocket;

pub use cors::{Cors, CorsOptions, CorsService};
pub use limits::ServerLimits;
pub use request_body::{BodyRefused, ReadBodies, RequestBodies, RequestBody};
pub use server::{Readiness, Server};
pub(crate) use stack::Stack;
pub use tls::Tls;
