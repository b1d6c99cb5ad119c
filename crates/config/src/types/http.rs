use std::path::PathBuf;
use std::time::Duration;

use pilotlight_wire::default_limits;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::key::Key;
use crate::value_schema::{networks, path, period, size};

/// Certificate of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Tls {
    /// File with the certificate chain (PEM), the server's certificate first, followed by the
    /// intermediate certificates. It is reloaded when it changes.
    #[schemars(schema_with = "path")]
    pub certificate: PathBuf,
    /// File with the private key (PEM).
    #[schemars(schema_with = "path")]
    pub key: PathBuf,
}

/// Limits of connections, request heads and request bodies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Http {
    /// Maximum time for the head of a request, and for a TLS handshake.
    #[serde(with = "super::period")]
    #[schemars(schema_with = "period", extend("x-shortest" = "1ms", "x-longest" = "8h"))]
    pub header_timeout: Duration,
    /// Maximum pause within a request body.
    #[serde(with = "super::period")]
    #[schemars(schema_with = "period", extend("x-shortest" = "1ms", "x-longest" = "8h"))]
    pub body_timeout: Duration,
    /// Maximum time for a whole request body.
    #[serde(with = "super::period")]
    #[schemars(schema_with = "period", extend("x-shortest" = "1ms", "x-longest" = "8h"))]
    pub body_deadline: Duration,
    /// Minimum rate of a request body, in bytes per second; a body can fall behind by ten seconds.
    /// 0 disables the check.
    #[schemars(extend("maximum" = 4_294_967_295_u64))]
    pub body_rate: u32,
    /// Maximum idle time of a connection between requests.
    #[serde(with = "super::period")]
    #[schemars(schema_with = "period", extend("x-shortest" = "1ms", "x-longest" = "8h"))]
    pub idle_timeout: Duration,
    /// Maximum time for which a client can leave a response unread.
    #[serde(with = "super::period")]
    #[schemars(schema_with = "period", extend("x-shortest" = "1ms", "x-longest" = "8h"))]
    pub write_timeout: Duration,
    /// Maximum size of a request head.
    #[serde(with = "super::size")]
    #[schemars(schema_with = "size", extend("x-smallest" = "1KiB", "x-largest" = "1MiB"))]
    pub max_header_bytes: u64,
    /// Maximum number of header fields of a request.
    #[schemars(range(min = 1, max = 4096))]
    pub max_headers: u16,
    /// Maximum size of a request body; functions can have lower limits.
    #[serde(with = "super::size")]
    #[schemars(schema_with = "size", extend("x-smallest" = "1KiB", "x-largest" = "4GiB"))]
    pub max_body_bytes: u64,
    /// Maximum size of all request bodies that are being received or wait for their function;
    /// further requests are answered with 503. One body always fits.
    #[serde(with = "super::size")]
    #[schemars(schema_with = "size", extend("x-smallest" = "1MiB", "x-largest" = "1024GiB"))]
    pub body_memory: u64,
    /// The same for the bodies of one client address (IPv6: one /64); further requests of the
    /// client are answered with 429. One body always fits [default: a quarter of `body-memory`]
    #[serde(with = "super::optional_size", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "size", extend("x-smallest" = "1KiB", "x-largest" = "1024GiB"))]
    pub body_memory_per_address: Option<u64>,
    /// Pass request bodies to the function while they arrive; a request then occupies an instance
    /// for as long as its client takes. Otherwise a function is called when the whole body has
    /// arrived.
    pub stream_bodies: bool,
    /// Maximum number of open connections; further ones wait in the kernel's queue.
    #[schemars(range(min = 1, max = 4_294_967_295_u64))]
    pub max_connections: u32,
    /// Maximum number of open connections of one client address (IPv6: one /64); further ones are
    /// closed at once. It does not apply to trusted proxies.
    #[schemars(range(min = 1, max = 4_294_967_295_u64))]
    pub max_connections_per_address: u32,
    /// Addresses and networks of trusted proxies, whose headers determine the client address.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "networks")]
    pub trusted_proxies: Vec<String>,
    /// Header in which trusted proxies name the client. With `any`, a request whose two headers
    /// name different clients is answered with 400.
    pub forwarded_header: ForwardedHeader,
    /// Require a PROXY protocol header (version 1 or 2) on connections from trusted proxies; those
    /// without it are closed.
    pub proxy_protocol: bool,
    /// Maximum number of concurrent requests on an HTTP/2 connection.
    #[schemars(range(min = 1, max = 4_294_967_295_u64))]
    pub max_streams: u32,
    /// Number of client-reset HTTP/2 streams that are tolerated, net of completed requests, before
    /// the connection is closed (CVE-2023-44487).
    #[schemars(range(min = 1, max = 4_294_967_295_u64))]
    pub max_resets: u32,
}

/// Header in which trusted proxies name the client.
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
