//! Listeners, TLS, connections, and the stack of layers for each request ([`stack`] lists them from top to bottom).
//! Used by `host` and `admin`. Does not know how a version is loaded.

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
