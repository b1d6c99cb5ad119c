//! What clients may take, and by which certificate they know the server.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use pilotlight::{Cors, CorsOptions, Error, ServerLimits, Tls};
use pilotlight_auth::ForwardedHeader;
use pilotlight_config as config;
use pilotlight_router::Network;
use pilotlight_wire::default_limits;

/// Flags of listeners, limits, proxies and CORS.
#[derive(Args)]
pub(super) struct HttpOptions {
    /// Certificate chain (PEM) for TLS, the server's certificate first, followed by the
    /// intermediate certificates; it is reloaded when it changes, and on SIGHUP
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// Private key (PEM) of the certificate
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// Maximum time for the head of a request, and for a TLS handshake, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = default_limits::HEADER_TIMEOUT.as_secs(), value_parser = seconds())]
    header_timeout: u64,
    /// Maximum pause within a request body, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = default_limits::BODY_TIMEOUT.as_secs(), value_parser = seconds())]
    body_timeout: u64,
    /// Maximum time for a whole request body, in seconds; raise it for large bodies over slow
    /// networks
    #[arg(long, value_name = "SECONDS", default_value_t = default_limits::BODY_DEADLINE.as_secs(), value_parser = seconds())]
    body_deadline: u64,
    /// Minimum rate of a request body, in bytes per second; a body can fall behind by ten seconds.
    /// 0 disables the check
    #[arg(long, value_name = "BYTES", default_value_t = default_limits::BODY_RATE.into(), value_parser = within("http.body-rate"))]
    body_rate: u64,
    /// Maximum idle time of a connection between requests, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = default_limits::IDLE_TIMEOUT.as_secs(), value_parser = seconds())]
    idle_timeout: u64,
    /// Maximum time for which a client can leave a response unread, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = default_limits::WRITE_TIMEOUT.as_secs(), value_parser = seconds())]
    write_timeout: u64,
    /// Maximum size of a request head, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = default_limits::MAX_HEADER_BYTES as usize)]
    max_header_bytes: usize,
    /// Maximum number of header fields of a request
    #[arg(long, value_name = "COUNT", default_value_t = default_limits::MAX_HEADERS.into())]
    max_headers: usize,
    /// Maximum size of a request body, in bytes; functions can have lower limits
    #[arg(long, value_name = "BYTES", default_value_t = default_limits::MAX_BODY_BYTES, value_parser = within("http.max-body-bytes"))]
    max_body_bytes: u64,
    /// Maximum size of all request bodies that are being received or wait for their function, in
    /// bytes; further requests are answered with 503
    #[arg(long, value_name = "BYTES", default_value_t = default_limits::BODY_MEMORY, value_parser = within("http.body-memory"))]
    body_memory: u64,
    /// The same for the bodies of one client address (IPv6: one /64), in bytes; further requests of
    /// the client are answered with 429 [default: a quarter of --body-memory]
    #[arg(long, value_name = "BYTES", value_parser = within("http.body-memory-per-address"))]
    body_memory_per_address: Option<u64>,
    /// Pass request bodies to the function while they arrive; a request then occupies an instance
    /// for as long as its client takes
    #[arg(long)]
    stream_bodies: bool,
    /// Maximum number of open connections; further ones wait in the kernel's queue
    #[arg(long, value_name = "COUNT", default_value_t = default_limits::MAX_CONNECTIONS as usize)]
    max_connections: usize,
    /// Maximum number of open connections of one client address (IPv6: one /64); further ones are
    /// closed at once. It does not apply to trusted proxies
    #[arg(long, value_name = "COUNT", default_value_t = default_limits::MAX_CONNECTIONS_PER_ADDRESS, value_parser = clap::value_parser!(u32).range(1..))]
    max_connections_per_address: u32,
    /// Addresses and networks of trusted proxies, such as 10.0.0.0/8, separated by commas; their
    /// headers determine the client address [default: none]
    #[arg(long, alias = "trusted-proxy", value_name = "NETWORK", value_delimiter = ',')]
    trusted_proxies: Vec<Network>,
    /// Header in which trusted proxies name the client; with `any`, a request whose two headers
    /// name different clients is answered with 400
    #[arg(long, value_name = "HEADER", value_parser = ["any", "x-forwarded-for", "forwarded"], default_value = "any")]
    forwarded_header: String,
    /// Require a PROXY protocol header (version 1 or 2) on connections from trusted proxies; those
    /// without it are closed
    #[arg(long, requires = "trusted_proxies")]
    proxy_protocol: bool,
    /// Maximum number of concurrent requests on an HTTP/2 connection
    #[arg(long, value_name = "COUNT", default_value_t = default_limits::MAX_STREAMS)]
    max_streams: u32,
    /// Number of client-reset HTTP/2 streams that are tolerated, net of completed requests, before
    /// the connection is closed (CVE-2023-44487)
    #[arg(long, value_name = "COUNT", default_value_t = default_limits::MAX_RESETS)]
    max_resets: u32,
    /// Origin of web pages that can send requests (CORS), such as https://app.example, or `*` for
    /// all; can be repeated. [cors] in a configuration has more options
    #[arg(long, value_name = "ORIGIN", value_parser = parse_origin)]
    cors_allow_origin: Vec<String>,
}

fn parse_origin(text: &str) -> Result<String, String> {
    let mut options = CorsOptions::default();
    options.allow_origins.push(text.to_owned());
    Cors::new(&options).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// Parses a number in the range of the configuration key `key`.
fn within(key: &'static str) -> impl Fn(&str) -> Result<u64, String> + Clone {
    move |text| {
        let number = text.parse().map_err(|_| format!("{text:?} is not a whole number"))?;
        config::check_number(key, number).map(|()| number)
    }
}

fn seconds() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(1..=28_800)
}

impl HttpOptions {
    pub(super) fn limits(&self) -> ServerLimits {
        let mut limits = ServerLimits::default();
        limits.header_timeout = Duration::from_secs(self.header_timeout);
        limits.handshake_timeout = limits.header_timeout;
        limits.body_timeout = Duration::from_secs(self.body_timeout);
        limits.body_deadline = Duration::from_secs(self.body_deadline);
        limits.body_rate = self.body_rate;
        limits.idle_timeout = Duration::from_secs(self.idle_timeout);
        limits.write_timeout = Duration::from_secs(self.write_timeout);
        limits.max_header_bytes = self.max_header_bytes;
        limits.max_headers = self.max_headers;
        limits.max_body_bytes = self.max_body_bytes;
        limits.body_memory = self.body_memory;
        limits.body_memory_per_address = self.body_memory_per_address;
        limits.stream_bodies = self.stream_bodies;
        limits.max_connections = self.max_connections;
        limits.max_connections_per_address =
            usize::try_from(self.max_connections_per_address).unwrap_or(usize::MAX);
        limits.trusted_proxies.clone_from(&self.trusted_proxies);
        limits.forwarded_header = match self.forwarded_header.as_str() {
            "x-forwarded-for" => ForwardedHeader::XForwardedFor,
            "forwarded" => ForwardedHeader::Forwarded,
            _ => ForwardedHeader::Any,
        };
        limits.proxy_protocol = self.proxy_protocol;
        limits.max_streams = self.max_streams;
        limits.max_resets = self.max_resets;
        limits
    }

    pub(super) fn cors(&self) -> pilotlight::Result<Option<Cors>> {
        if self.cors_allow_origin.is_empty() {
            return Ok(None);
        }
        let mut options = CorsOptions::default();
        options.allow_origins.clone_from(&self.cors_allow_origin);
        Cors::new(&options).map(Some)
    }

    pub(super) fn tls(&self) -> pilotlight::Result<Option<Tls>> {
        let files = self.tls_certificate.as_ref().zip(self.tls_key.as_ref());
        files.map(|(certificate, key)| Tls::open(certificate, key)).transpose()
    }
}

/// Server limits of a configuration.
pub(super) fn limits_of(http: &config::Http) -> pilotlight::Result<ServerLimits> {
    let mut limits = ServerLimits::default();
    limits.header_timeout = http.header_timeout;
    limits.handshake_timeout = http.header_timeout;
    limits.body_timeout = http.body_timeout;
    limits.body_deadline = http.body_deadline;
    limits.body_rate = http.body_rate.into();
    limits.idle_timeout = http.idle_timeout;
    limits.write_timeout = http.write_timeout;
    limits.max_header_bytes = usize::try_from(http.max_header_bytes).unwrap_or(usize::MAX);
    limits.max_headers = http.max_headers.into();
    limits.max_body_bytes = http.max_body_bytes;
    limits.body_memory = http.body_memory;
    limits.body_memory_per_address = http.body_memory_per_address;
    limits.stream_bodies = http.stream_bodies;
    limits.max_connections = usize::try_from(http.max_connections).unwrap_or(usize::MAX);
    limits.max_connections_per_address =
        usize::try_from(http.max_connections_per_address).unwrap_or(usize::MAX);
    let proxies = http.trusted_proxies.iter().map(|network| network.parse());
    limits.trusted_proxies = proxies.collect::<Result<_, _>>().map_err(Error::Options)?;
    limits.forwarded_header = match http.forwarded_header {
        config::ForwardedHeader::Any => ForwardedHeader::Any,
        config::ForwardedHeader::XForwardedFor => ForwardedHeader::XForwardedFor,
        config::ForwardedHeader::Forwarded => ForwardedHeader::Forwarded,
    };
    limits.proxy_protocol = http.proxy_protocol;
    limits.max_streams = http.max_streams;
    limits.max_resets = http.max_resets;
    Ok(limits)
}

/// TLS of a configuration.
pub(super) fn tls_of(tls: Option<&config::Tls>) -> pilotlight::Result<Option<Tls>> {
    tls.map(|tls| Tls::open(&tls.certificate, &tls.key)).transpose()
}

/// CORS of a configuration.
pub(super) fn cors_of(cors: Option<&config::Cors>) -> pilotlight::Result<Option<Cors>> {
    let Some(cors) = cors else { return Ok(None) };
    let mut options = CorsOptions::default();
    options.allow_origins.clone_from(&cors.allow_origins);
    options.allow_methods.clone_from(&cors.allow_methods);
    options.allow_headers.clone_from(&cors.allow_headers);
    options.expose_headers.clone_from(&cors.expose_headers);
    options.max_age = cors.max_age;
    options.allow_credentials = cors.allow_credentials;
    Cors::new(&options).map(Some)
}
