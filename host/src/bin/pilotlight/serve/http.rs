//! What clients may take, and by which certificate they know the server.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use pilotlight::{Cors, CorsOptions, Error, ServerLimits, Tls};
use pilotlight_auth::ForwardedHeader;
use pilotlight_config as config;
use pilotlight_router::Network;
use pilotlight_wire::default_limits;

/// As flags say it.
#[derive(Args)]
pub(super) struct HttpOptions {
    /// Certificate (PEM), followed by those that lead to its authority: serves TLS; read again when
    /// it changes, and on SIGHUP
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// Longest time for the head of a request, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = default_limits::HEADER_TIMEOUT.as_secs(), value_parser = seconds())]
    header_timeout: u64,
    /// Longest silence within a request's body, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = default_limits::BODY_TIMEOUT.as_secs(), value_parser = seconds())]
    body_timeout: u64,
    /// Longest time that a client may take to send a request's body, in seconds, whatever its pace;
    /// raise it for large bodies over slow networks
    #[arg(long, value_name = "SECONDS", default_value_t = default_limits::BODY_DEADLINE.as_secs(), value_parser = seconds())]
    body_deadline: u64,
    /// Slowest that a body may come, in bytes a second, once it has fallen behind by ten seconds; 0 is
    /// as slow as it likes
    #[arg(long, value_name = "BYTES", default_value_t = default_limits::BODY_RATE.into(), value_parser = within("http.body-rate"))]
    body_rate: u64,
    /// Longest rest of a connection between requests, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = default_limits::IDLE_TIMEOUT.as_secs(), value_parser = seconds())]
    idle_timeout: u64,
    /// Longest time that a client may leave a response unread, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = default_limits::WRITE_TIMEOUT.as_secs(), value_parser = seconds())]
    write_timeout: u64,
    /// Most bytes of a request's head
    #[arg(long, value_name = "BYTES", default_value_t = default_limits::MAX_HEADER_BYTES as usize)]
    max_header_bytes: usize,
    /// Most fields of a request's head
    #[arg(long, value_name = "COUNT", default_value_t = default_limits::MAX_HEADERS.into())]
    max_headers: usize,
    /// Most bytes of a request's body; functions may have limits of their own
    #[arg(long, value_name = "BYTES", default_value_t = default_limits::MAX_BODY_BYTES, value_parser = within("http.max-body-bytes"))]
    max_body_bytes: u64,
    /// Most bytes of bodies, of all clients together, that are being received or wait for their
    /// function; beyond that 503
    #[arg(long, value_name = "BYTES", default_value_t = default_limits::BODY_MEMORY, value_parser = within("http.body-memory"))]
    body_memory: u64,
    /// Most of these bytes that the bodies of one client address (of IPv6: one /64) may take; beyond
    /// that 429, for that client [default: a quarter of --body-memory]
    #[arg(long, value_name = "BYTES", value_parser = within("http.body-memory-per-address"))]
    body_memory_per_address: Option<u64>,
    /// Hand bodies on as they come, which takes an instance for as long as it takes the client
    #[arg(long)]
    stream_bodies: bool,
    /// Most connections at once; further ones wait
    #[arg(long, value_name = "COUNT", default_value_t = default_limits::MAX_CONNECTIONS as usize)]
    max_connections: usize,
    /// Most connections at once of one client address (of IPv6: one /64); further ones are closed at
    /// once. Trusted proxies have no such limit
    #[arg(long, value_name = "COUNT", default_value_t = default_limits::MAX_CONNECTIONS_PER_ADDRESS, value_parser = clap::value_parser!(u32).range(1..))]
    max_connections_per_address: u32,
    /// Address or network of proxies that are believed when they say whose requests they pass on, such
    /// as 10.0.0.0/8; several with commas between them [default: nobody]
    #[arg(long, alias = "trusted-proxy", value_name = "NETWORK", value_delimiter = ',')]
    trusted_proxies: Vec<Network>,
    /// Header in which they say it; with `any`, a request in which both are and name different clients
    /// is answered 400
    #[arg(long, value_name = "HEADER", value_parser = ["any", "x-forwarded-for", "forwarded"], default_value = "any")]
    forwarded_header: String,
    /// Expect a PROXY protocol header (version 1 or 2) on connections of trusted proxies, and close
    /// those without it
    #[arg(long, requires = "trusted_proxies")]
    proxy_protocol: bool,
    /// Most requests at once on a connection of HTTP/2
    #[arg(long, value_name = "COUNT", default_value_t = default_limits::MAX_STREAMS)]
    max_streams: u32,
    /// Most requests that the client of a connection of HTTP/2 may take back, beyond those that
    /// it lets be answered
    #[arg(long, value_name = "COUNT", default_value_t = default_limits::MAX_RESETS)]
    max_resets: u32,
    /// Origin of web pages that may send requests, such as https://app.example, or `*` for all
    /// (CORS); more is said by [cors] in a configuration
    #[arg(long, value_name = "ORIGIN", value_parser = parse_origin)]
    cors_allow_origin: Vec<String>,
}

fn parse_origin(text: &str) -> Result<String, String> {
    let mut options = CorsOptions::default();
    options.allow_origins.push(text.to_owned());
    Cors::new(&options).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// A number that `key` may be in a configuration, too.
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

/// As a configuration says it.
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

/// As a configuration says it.
pub(super) fn tls_of(tls: Option<&config::Tls>) -> pilotlight::Result<Option<Tls>> {
    tls.map(|tls| Tls::open(&tls.certificate, &tls.key)).transpose()
}

/// As a configuration says it.
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
