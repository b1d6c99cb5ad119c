use std::path::PathBuf;
use std::time::Duration;

use pilotlight_wire::default_limits;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::key::Key;
use crate::value_schema::{networks, path, period, size};

/// By which certificate clients know the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Tls {
    /// The certificate (PEM), followed by those that lead to its authority; read again when it
    /// changes.
    #[schemars(schema_with = "path")]
    pub certificate: PathBuf,
    /// Its private key (PEM).
    #[schemars(schema_with = "path")]
    pub key: PathBuf,
}

/// What a client may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Http {
    /// Longest time for the head of a request, and for a TLS handshake.
    #[serde(with = "super::period")]
    #[schemars(schema_with = "period", extend("x-shortest" = "1ms", "x-longest" = "8h"))]
    pub header_timeout: Duration,
    /// Longest silence within a request's body.
    #[serde(with = "super::period")]
    #[schemars(schema_with = "period", extend("x-shortest" = "1ms", "x-longest" = "8h"))]
    pub body_timeout: Duration,
    /// Longest time that a client may take to send a request's body, whatever its pace.
    #[serde(with = "super::period")]
    #[schemars(schema_with = "period", extend("x-shortest" = "1ms", "x-longest" = "8h"))]
    pub body_deadline: Duration,
    /// Slowest that a body may come, in bytes a second, once it has fallen behind by ten seconds; 0 is
    /// as slow as it likes.
    #[schemars(extend("maximum" = 4_294_967_295_u64))]
    pub body_rate: u32,
    /// Longest rest of a connection between requests.
    #[serde(with = "super::period")]
    #[schemars(schema_with = "period", extend("x-shortest" = "1ms", "x-longest" = "8h"))]
    pub idle_timeout: Duration,
    /// Longest time that a client may leave a response unread.
    #[serde(with = "super::period")]
    #[schemars(schema_with = "period", extend("x-shortest" = "1ms", "x-longest" = "8h"))]
    pub write_timeout: Duration,
    /// Most bytes of a request's head.
    #[serde(with = "super::size")]
    #[schemars(schema_with = "size", extend("x-smallest" = "1KiB", "x-largest" = "1MiB"))]
    pub max_header_bytes: u64,
    /// Most fields of a request's head.
    #[schemars(range(min = 1, max = 4096))]
    pub max_headers: u16,
    /// Most bytes of a request's body; functions may have limits of their own.
    #[serde(with = "super::size")]
    #[schemars(schema_with = "size", extend("x-smallest" = "1KiB", "x-largest" = "4GiB"))]
    pub max_body_bytes: u64,
    /// Most bytes of bodies, of all clients together, that are being received or wait for their
    /// function; one body has room in any case.
    #[serde(with = "super::size")]
    #[schemars(schema_with = "size", extend("x-smallest" = "1MiB", "x-largest" = "1024GiB"))]
    pub body_memory: u64,
    /// Most of these bytes that the bodies of one client address (of IPv6: one /64) may take; further
    /// ones of that client are answered 429. A quarter of `body-memory` otherwise; one body has room
    /// in any case.
    #[serde(with = "super::optional_size", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "size", extend("x-smallest" = "1KiB", "x-largest" = "1024GiB"))]
    pub body_memory_per_address: Option<u64>,
    /// Hand bodies on as they come, which takes an instance for as long as it takes the client;
    /// otherwise a function is called when the body is there.
    pub stream_bodies: bool,
    /// Most connections at once; further ones wait.
    #[schemars(range(min = 1, max = 4_294_967_295_u64))]
    pub max_connections: u32,
    /// Most connections at once of one client address (of IPv6: one /64); further ones are closed at
    /// once. Trusted proxies have no such limit.
    #[schemars(range(min = 1, max = 4_294_967_295_u64))]
    pub max_connections_per_address: u32,
    /// Addresses and networks of proxies that are believed when they say whose requests they pass on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "networks")]
    pub trusted_proxies: Vec<String>,
    /// The header in which they say it. With `any`, a request in which both headers are and name
    /// different clients is answered 400.
    pub forwarded_header: ForwardedHeader,
    /// Whether connections of trusted proxies begin with a header of the PROXY protocol, version 1 or
    /// 2; those without it are closed.
    pub proxy_protocol: bool,
    /// Most requests at once on a connection of HTTP/2.
    #[schemars(range(min = 1, max = 4_294_967_295_u64))]
    pub max_streams: u32,
    /// Most requests that the client of a connection of HTTP/2 may take back, beyond those that it
    /// lets be answered.
    #[schemars(range(min = 1, max = 4_294_967_295_u64))]
    pub max_resets: u32,
}

/// In which header proxies say whose request it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedHeader {
    /// Either of the two.
    #[default]
    Any,
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            header_timeout: default_limits::HEADER_TIMEOUT,
            body_timeout: default_limits::BODY_TIMEOUT,
            body_deadline: default_limits::BODY_DEADLINE,
            body_rate: default_limits::BODY_RATE,
            idle_timeout: default_limits::IDLE_TIMEOUT,
            write_timeout: default_limits::WRITE_TIMEOUT,
            max_header_bytes: default_limits::MAX_HEADER_BYTES.into(),
            max_headers: default_limits::MAX_HEADERS,
            max_body_bytes: default_limits::MAX_BODY_BYTES,
            body_memory: default_limits::BODY_MEMORY,
            body_memory_per_address: None,
            stream_bodies: false,
            max_connections: default_limits::MAX_CONNECTIONS,
            max_connections_per_address: default_limits::MAX_CONNECTIONS_PER_ADDRESS,
            trusted_proxies: Vec::new(),
            forwarded_header: ForwardedHeader::default(),
            proxy_protocol: false,
            max_streams: default_limits::MAX_STREAMS,
            max_resets: default_limits::MAX_RESETS,
        }
    }
}

impl Tls {
    pub(crate) fn paths_mut(&mut self, at: &Key) -> [(Key, &mut PathBuf); 2] {
        [(at.name("certificate"), &mut self.certificate), (at.name("key"), &mut self.key)]
    }
}
