//! The header that a connection through a proxy begins with: PROXY protocol, versions 1 and 2
//! (<https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a header of version 2 begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The signature, the command, the family and the length.
const FIXED: usize = 16;
/// What a header of version 1 begins with.
const PREFIX: &[u8] = b"PROXY ";
/// Longest header of version 1, with its line break.
const LONGEST_LINE: usize = 107;
/// Maximum number of bytes that may follow the fixed part of version 2. Addresses take 36; the rest are optional
/// fields, which are skipped.
const LONGEST_REST: usize = 4096;

/// State of a header that has been read in part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyHeader {
    /// Read exactly so many bytes more; none of them belongs to what follows the header.
    Incomplete(usize),
    /// The proxy speaks for itself: a health check.
    Local,
    /// The proxy names this client.
    Client(IpAddr),
    /// The proxy names no client, or one without an IP address.
    Unknown,
}

/// Errors of PROXY protocol headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyHeaderError {
    /// The connection begins with other data.
    #[error("the connection does not begin with a PROXY protocol header")]
    Missing,
    /// The header is malformed.
    #[error("the PROXY protocol header is malformed")]
    Malformed,
    /// The header is longer than allowed.
    #[error("the PROXY protocol header is too long")]
    TooLong,
    /// Another version, command or transport.
    #[error("the PROXY protocol header has an unsupported version, command or transport")]
    Unsupported,
}

/// Reads `bytes`, all that came so far; begin with none.
///
/// # Errors
/// [`ProxyHeaderError`] as soon as they cannot become a header.
pub fn proxy_header(bytes: &[u8]) -> Result<ProxyHeader, ProxyHeaderError> {
    let known = bytes.len().min(SIGNATURE.len());
    if bytes[..known] == SIGNATURE[..known] {
        return version_2(bytes);
    }
    let known = bytes.len().min(PREFIX.len());
    if bytes[..known] == PREFIX[..known] {
        return version_1(bytes);
    }
    Err(ProxyHeaderError::Missing)
}

fn version_2(bytes: &[u8]) -> Result<ProxyHeader, ProxyHeaderError> {
    let Some(fixed) = bytes.first_chunk::<FIXED>() else {
        // A header of version 1 is never shorter than the signature of version 2.
        let wanted = if bytes.len() < SIGNATURE.len() { SIGNATURE.len() } else { FIXED };
        return Ok(ProxyHeader::Incomplete(wanted - bytes.len()));
    };
    let [command, family] = [fixed[12], fixed[13]];
    let length = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if command >> 4 != 2 || command & 0xf > 1 {
        return Err(ProxyHeaderError::Unsupported);
    }
    if length > LONGEST_REST {
        return Err(ProxyHeaderError::TooLong);
    }
    let rest = &bytes[FIXED..];
    if rest.len() < length {
        return Ok(ProxyHeader::Incomplete(length - rest.len()));
    }
    if command & 0xf == 0 {
        return Ok(ProxyHeader::Local);
    }
    match family {
        // TCP over IPv4: source, destination, their ports.
        0x11 => match rest[..length].first_chunk::<12>() {
            Some(&[a, b, c, d, ..]) => Ok(ProxyHeader::Client(Ipv4Addr::new(a, b, c, d).into())),
            None => Err(ProxyHeaderError::Malformed),
        },
        // TCP over IPv6.
        0x21 => {
            let addresses = rest[..length].first_chunk::<36>();
            let source = addresses.and_then(|addresses| addresses.first_chunk::<16>());
            let source = source.ok_or(ProxyHeaderError::Malformed)?;
            Ok(ProxyHeader::Client(IpAddr::from(Ipv6Addr::from(*source)).to_canonical()))
        }
        // Nothing that is told, or a Unix socket.
        0x00 | 0x31 => Ok(ProxyHeader::Unknown),
        _ => Err(ProxyHeaderError::Unsupported),
    }
}

fn version_1(bytes: &[u8]) -> Result<ProxyHeader, ProxyHeaderError> {
    if bytes.len() < SIGNATURE.len() {
        return Ok(ProxyHeader::Incomplete(SIGNATURE.len() - bytes.len()));
    }
    let Some(line) = bytes.strip_suffix(b"\r\n") else {
        return match bytes.len() {
            LONGEST_LINE.. => Err(ProxyHeaderError::TooLong),
            _ => Ok(ProxyHeader::Incomplete(1)),
        };
    };
    let line = str::from_utf8(line).map_err(|_| ProxyHeaderError::Malformed)?;
    let fields: Vec<&str> = line.split(' ').collect();
    match fields[..] {
        ["PROXY", "UNKNOWN", ..] => Ok(ProxyHeader::Unknown),
        ["PROXY", family @ ("TCP4" | "TCP6"), source, destination, from, to] => {
            let address = |text: &str| match family {
                "TCP4" => text.parse::<Ipv4Addr>().map(IpAddr::from).ok(),
                _ => text.parse::<Ipv6Addr>().map(IpAddr::from).ok(),
            };
            let is_port = |text: &str| {
                text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
            };
            let source = address(source).filter(|_| address(destination).is_some());
            let source = source.filter(|_| is_port(from) && is_port(to));
            let source = source.ok_or(ProxyHeaderError::Malformed)?;
            Ok(ProxyHeader::Client(source.to_canonical()))
        }
        _ => Err(ProxyHeaderError::Malformed),
    }
}
