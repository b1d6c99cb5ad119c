use std::net::IpAddr;
use std::time::Duration;

use http::HeaderMap;
use pilotlight_auth::{ForwardedError, ForwardedHeader, forwarded_client};
use pilotlight_router::Network;
use pilotlight_wire::default_limits;

use crate::error::{Error, Result};

/// Maximum of all durations: as good as no limit, and small enough to be added to a clock.
const LONGEST: Duration = Duration::from_secs(8 * 60 * 60);
/// A request head has some hundred bytes; hyper has this minimum.
const SMALLEST_HEADERS: usize = 1 << 10;
const LARGEST_HEADERS: usize = 1 << 20;
const MOST_HEADERS: usize = 4096;

/// Limits of time, memory and connections. A connection that exceeds a limit of connections is
/// closed; a limit of requests or bodies ends only the request, unless the connection carries
/// nothing else.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServerLimits {
    /// Maximum time for a TLS handshake.
    pub handshake_timeout: Duration,
    /// Maximum time from the first byte of a request to the end of its head; for a new connection
    /// also to its first request.
    pub header_timeout: Duration,
    /// Maximum idle time of a connection between requests.
    pub idle_timeout: Duration,
    /// Maximum pause within a request body.
    pub body_timeout: Duration,
    /// Maximum time for a whole request body.
    pub body_deadline: Duration,
    /// Minimum rate of a request body, in bytes per second; 0 disables the check.
    pub body_rate: u64,
    /// Time by which a body can fall behind its rate. A body catches up by arriving faster; data
    /// that arrives early counts for no more than this time.
    pub body_grace: Duration,
    /// Maximum time for which a client can leave a response unread.
    pub write_timeout: Duration,
    /// Maximum size of a request head, in bytes.
    pub max_header_bytes: usize,
    /// Maximum number of header fields of a request.
    pub max_headers: usize,
    /// Maximum size of a request body, in bytes.
    pub max_body_bytes: u64,
    /// Maximum size of all request bodies that are being received or wait for their function, in
    /// bytes; further requests are refused. One body always fits, and streamed bodies are not
    /// counted.
    pub body_memory: u64,
    /// The same for the bodies of one client address (IPv6: one /64), in bytes; further requests of
    /// the client are refused. By default a quarter of `body_memory`. One body of `max_body_bytes`
    /// always fits. It does not apply to trusted proxies.
    pub body_memory_per_address: Option<u64>,
    /// Pass request bodies to the function while they arrive; a request then occupies an instance
    /// for as long as its client takes. Otherwise a function is called when the whole body has
    /// arrived.
    pub stream_bodies: bool,
    /// Maximum number of open connections. Further ones wait in the kernel's queue, where they cost
    /// neither a file nor a handshake.
    pub max_connections: usize,
    /// Maximum number of open connections of one client address (IPv6: one /64). Further ones are
    /// closed at once. It does not apply to trusted proxies and Unix sockets.
    pub max_connections_per_address: usize,
    /// Addresses and networks of trusted proxies: their headers determine the client address, and
    /// limits per address do not apply to them.
    pub trusted_proxies: Vec<Network>,
    /// Header in which trusted proxies name the client.
    pub forwarded_header: ForwardedHeader,
    /// Require a PROXY protocol header (version 1 or 2) on connections from trusted proxies; those
    /// without it are closed. Headers of other peers are not read.
    pub proxy_protocol: bool,
    /// Maximum number of concurrent requests on an HTTP/2 connection.
    pub max_streams: u32,
    /// Number of client-reset HTTP/2 streams that are tolerated, net of completed requests, before
    /// the connection is closed (CVE-2023-44487).
    pub max_resets: u32,
    /// Interval of pings on a silent HTTP/2 connection.
    pub ping_interval: Duration,
    /// Maximum time for the answer to a ping.
    pub ping_timeout: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            handshake_timeout: default_limits::HEADER_TIMEOUT,
            header_timeout: default_limits::HEADER_TIMEOUT,
            idle_timeout: default_limits::IDLE_TIMEOUT,
            body_timeout: default_limits::BODY_TIMEOUT,
            body_deadline: default_limits::BODY_DEADLINE,
            body_rate: default_limits::BODY_RATE.into(),
            body_grace: Duration::from_secs(10),
            write_timeout: default_limits::WRITE_TIMEOUT,
            max_header_bytes: default_limits::MAX_HEADER_BYTES as usize,
            max_headers: default_limits::MAX_HEADERS.into(),
            max_body_bytes: default_limits::MAX_BODY_BYTES,
            body_memory: default_limits::BODY_MEMORY,
            body_memory_per_address: None,
            stream_bodies: false,
            max_connections: default_limits::MAX_CONNECTIONS as usize,
            max_connections_per_address: default_limits::MAX_CONNECTIONS_PER_ADDRESS as usize,
            trusted_proxies: Vec::new(),
            forwarded_header: ForwardedHeader::default(),
            proxy_protocol: false,
            max_streams: default_limits::MAX_STREAMS,
            max_resets: default_limits::MAX_RESETS,
            ping_interval: Duration::from_secs(20),
            ping_timeout: Duration::from_secs(20),
        }
    }
}

impl ServerLimits {
    /// Checks all values.
    ///
    /// # Errors
    /// [`Error::Options`].
    pub fn check(&self) -> Result<()> {
        let times = [
            ("handshake_timeout", self.handshake_timeout),
            ("header_timeout", self.header_timeout),
            ("idle_timeout", self.idle_timeout),
            ("body_timeout", self.body_timeout),
            ("body_deadline", self.body_deadline),
            ("body_grace", self.body_grace),
            ("write_timeout", self.write_timeout),
            ("ping_interval", self.ping_interval),
            ("ping_timeout", self.ping_timeout),
        ];
        for (name, time) in times {
            if time.is_zero() || time > LONGEST {
                return refuse(format!("{name} must be above 0 and at most {LONGEST:?}"));
            }
        }
        if !(SMALLEST_HEADERS..=LARGEST_HEADERS).contains(&self.max_header_bytes) {
            let range = format!("{SMALLEST_HEADERS} to {LARGEST_HEADERS}");
            return refuse(format!("max_header_bytes must be {range} bytes"));
        }
        if !(1..=MOST_HEADERS).contains(&self.max_headers) {
            return refuse(format!("max_headers must be 1 to {MOST_HEADERS}"));
        }
        let most = tokio::sync::Semaphore::MAX_PERMITS;
        if !(1..=most).contains(&self.max_connections) {
            return refuse(format!("max_connections must be 1 to {most}"));
        }
        if self.max_connections_per_address == 0 {
            return refuse("max_connections_per_address must be above 0".to_owned());
        }
        if self.body_memory_per_address == Some(0) {
            return refuse("body_memory_per_address must be above 0".to_owned());
        }
        if self.proxy_protocol && self.trusted_proxies.is_empty() {
            return refuse("proxy_protocol needs trusted_proxies".to_owned());
        }
        if self.max_streams == 0 || self.max_resets == 0 {
            return refuse("max_streams and max_resets must be above 0".to_owned());
        }
        Ok(())
    }

    /// Whether `peer` is believed when it speaks for others.
    pub(super) fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(peer))
    }

    /// Whose request it is that came from `peer`.
    pub(super) fn client(
        &self,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> std::result::Result<Option<IpAddr>, ForwardedError> {
        match peer.filter(|peer| self.trusts(*peer)) {
            Some(proxy) => {
                let trusted = |address| self.trusts(address);
                forwarded_client(headers, proxy, self.forwarded_header, &trusted)
            }
            None => Ok(peer),
        }
    }
}

fn refuse(message: String) -> Result<()> {
    Err(Error::Options(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_can_be_honored() {
        ServerLimits::default().check().unwrap();
    }

    #[test]
    fn each_limit_out_of_range_is_refused_by_name() {
        let refused = |change: fn(&mut ServerLimits), name: &str| {
            let mut limits = ServerLimits::default();
            change(&mut limits);
            let error = limits.check().unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        };
        refused(|limits| limits.handshake_timeout = Duration::ZERO, "handshake_timeout");
        refused(|limits| limits.header_timeout = Duration::MAX, "header_timeout");
        refused(|limits| limits.idle_timeout = Duration::ZERO, "idle_timeout");
        refused(|limits| limits.body_timeout = Duration::MAX, "body_timeout");
        refused(|limits| limits.body_deadline = Duration::ZERO, "body_deadline");
        refused(|limits| limits.body_grace = Duration::MAX, "body_grace");
        refused(|limits| limits.body_grace = Duration::ZERO, "body_grace");
        refused(|limits| limits.max_connections_per_address = 0, "max_connections_per_address");
        refused(|limits| limits.body_memory_per_address = Some(0), "body_memory_per_address");
        refused(|limits| limits.write_timeout = Duration::ZERO, "write_timeout");
        refused(|limits| limits.ping_interval = Duration::ZERO, "ping_interval");
        refused(|limits| limits.ping_timeout = Duration::MAX, "ping_timeout");
        refused(|limits| limits.max_header_bytes = 0, "max_header_bytes");
        refused(|limits| limits.max_header_bytes = usize::MAX, "max_header_bytes");
        refused(|limits| limits.max_headers = 0, "max_headers");
        refused(|limits| limits.max_connections = 0, "max_connections");
        refused(|limits| limits.max_connections = usize::MAX, "max_connections");
        refused(|limits| limits.proxy_protocol = true, "trusted_proxies");
        refused(|limits| limits.max_streams = 0, "max_streams");
        refused(|limits| limits.max_resets = 0, "max_resets");
    }
}
