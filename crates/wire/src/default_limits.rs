//! What a client of a server may take unless it is configured: flags, `[http]` and the server itself have
//! these defaults.

use std::time::Duration;

/// Longest time for the head of a request, and for a TLS handshake.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest silence within a request's body.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time that a client may take to send a request's body.
pub const BODY_DEADLINE: Duration = Duration::from_secs(60);
/// Slowest that a body may come, in bytes a second.
pub const BODY_RATE: u32 = 1024;
/// Longest rest of a connection between requests.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest time that a client may leave a response unread.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Most bytes of a request's head.
pub const MAX_HEADER_BYTES: u32 = 64 << 10;
/// Most fields of a request's head.
pub const MAX_HEADERS: u16 = 100;
/// Most bytes of a request's body.
pub const MAX_BODY_BYTES: u64 = 1 << 20;
/// Most bytes of the bodies of all clients together.
pub const BODY_MEMORY: u64 = 256 << 20;
/// Most connections at once.
pub const MAX_CONNECTIONS: u32 = 10_000;
/// Most connections at once of one client address.
pub const MAX_CONNECTIONS_PER_ADDRESS: u32 = 1000;
/// Most requests at once on a connection of HTTP/2.
pub const MAX_STREAMS: u32 = 200;
/// Most requests that the client of a connection of HTTP/2 may take back, net of those that it lets be answered.
pub const MAX_RESETS: u32 = 100;
