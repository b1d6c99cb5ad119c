use std::net::IpAddr;
use std::time::Duration;

use http::HeaderMap;
use pilotlight_auth::{ForwardedError, ForwardedHeader, forwarded_client};
use pilotlight_router::Network;
use pilotlight_wire::default_limits;

use crate::error::{Error, Result};

/// A third of a day is a wait without end, and added to a clock it stays in range.
const LONGEST: Duration = Duration::from_secs(8 * 60 * 60);
/// Fields of a request take some hundred bytes; hyper cannot do with less.
const SMALLEST_HEADERS: usize = 1 << 10;
const LARGEST_HEADERS: usize = 1 << 20;
const MOST_HEADERS: usize = 4096;

/// What a client may take: of time, of memory, of connections. A connection that goes beyond is
/// closed; what is said of requests and bodies costs only the request, unless that is all that the
/// connection carries.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServerLimits {
    /// Longest time for a TLS handshake.
    pub handshake_timeout: Duration,
    /// Longest time from the first byte of a request to the end of its head; for a new connection
    /// to its first request, too.
    pub header_timeout: Duration,
    /// Longest time that a connection may rest between requests.
    pub idle_timeout: Duration,
    /// Longest silence within the body of a request.
    pub body_timeout: Duration,
    /// Longest time that a client may take to send a body, whatever its pace.
    pub body_deadline: Duration,
    /// Slowest that a body may come, in bytes a second; 0 is as slow as it likes.
    pub body_rate: u64,
    /// How long a body may fall behind its rate. It makes up for that by sending faster, but what it
    /// sends ahead counts for no more than this.
    pub body_grace: Duration,
    /// Longest time that a client may leave a response unread.
    pub write_timeout: Duration,
    /// Most bytes of a request's head.
    pub max_header_bytes: usize,
    /// Most fields of a request's head.
    pub max_headers: usize,
    /// Most bytes of a request's body.
    pub max_body_bytes: u64,
    /// Most bytes of bodies, of all clients together, that are being received or wait for their
    /// function; further ones are refused. One body has room in any case, and those that are streamed
    /// are not counted.
    pub body_memory: u64,
    /// Most of these bytes that the bodies of one client address (of IPv6: one /64) may take; further
    /// ones of that client are refused. A quarter of them if nothing is said; one body of
    /// `max_body_bytes` has room in any case. Trusted proxies have no such limit.
    pub body_memory_per_address: Option<u64>,
    /// Whether a body goes to the function as it comes, which takes an instance for as long as it
    /// takes the client; otherwise the function is called when the body is there.
    pub stream_bodies: bool,
    /// Most connections at once. Further ones wait in the kernel's queue, where they cost neither a
    /// file nor a handshake, and are taken as others end.
    pub max_connections: usize,
    /// Most connections at once of one client address (of IPv6: one /64). Further ones are closed at
    /// once. Trusted proxies and Unix sockets have no such limit.
    pub max_connections_per_address: usize,
    /// Proxies that are believed when they say whose requests they pass on, and that the limits of
    /// one client do not apply to. Nobody is unless named.
    pub trusted_proxies: Vec<Network>,
    /// The header in which they say it.
    pub forwarded_header: ForwardedHeader,
    /// Whether connections of trusted proxies begin with a header of the PROXY protocol (version 1 or
    /// 2); those without it are closed. Nobody else's is believed.
    pub proxy_protocol: bool,
    /// Most requests at once on a connection of HTTP/2.
    pub max_streams: u32,
    /// Most requests of a connection that its client may have taken back and not made up for by
    /// others that it let be answered (CVE-2023-44487).
    pub max_resets: u32,
    /// How often a silent connection of HTTP/2 is asked whether it is still there.
    pub ping_interval: Duration,
    /// How long it may take to answer that.
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
    /// Refuses what no server can honor.
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
