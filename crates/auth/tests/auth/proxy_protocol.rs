//! Whose connection it is that came through a proxy.

use std::net::IpAddr;

use pilotlight_auth::{ProxyHeader, ProxyHeaderError, proxy_header};
use proptest::prelude::*;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[command, family], &length, rest].concat()
}

fn ipv4(source: [u8; 4], fields: &[u8]) -> Vec<u8> {
    version_2(0x21, 0x11, &[&source[..], &[203, 0, 113, 9, 0x12, 0x34, 1, 187], fields].concat())
}

fn ipv6(source: &str, fields: &[u8]) -> Vec<u8> {
    let source: std::net::Ipv6Addr = source.parse().unwrap();
    version_2(0x21, 0x21, &[&source.octets()[..], &[0; 20], fields].concat())
}

/// Reads a header as a server does: as many bytes as are asked for. Returns what it says and how
/// many bytes it took.
fn read(sent: &[u8]) -> Result<(ProxyHeader, usize), ProxyHeaderError> {
    let mut taken = 0;
    loop {
        match proxy_header(&sent[..taken])? {
            ProxyHeader::Incomplete(more) if taken + more <= sent.len() => taken += more,
            header => return Ok((header, taken)),
        }
    }
}

fn client(address: &str) -> ProxyHeader {
    ProxyHeader::Client(address.parse().unwrap())
}

#[test]
fn a_header_is_read_to_its_end_and_no_further() {
    for (header, said) in [
        (ipv4([192, 0, 2, 1], b""), client("192.0.2.1")),
        (ipv4([192, 0, 2, 1], b"\x04\x00\x03abc"), client("192.0.2.1")),
        (ipv6("2001:db8::1", b""), client("2001:db8::1")),
        (ipv6("2001:db8::1", &[4; 400]), client("2001:db8::1")),
        (ipv6("::ffff:192.0.2.1", b""), client("192.0.2.1")),
        (version_2(0x20, 0x00, b""), ProxyHeader::Local),
        (version_2(0x20, 0x11, &[0; 12]), ProxyHeader::Local),
        (version_2(0x21, 0x00, b"anything"), ProxyHeader::Unknown),
        (version_2(0x21, 0x31, &[0; 216]), ProxyHeader::Unknown),
        (b"PROXY TCP4 192.0.2.1 203.0.113.9 4711 443\r\n".to_vec(), client("192.0.2.1")),
        (b"PROXY TCP6 2001:db8::1 2001:db8::2 4711 443\r\n".to_vec(), client("2001:db8::1")),
        (b"PROXY UNKNOWN\r\n".to_vec(), ProxyHeader::Unknown),
        (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".to_vec(), ProxyHeader::Unknown),
    ] {
        let sent = [&header[..], b"GET / HTTP/1.1\r\n\r\n"].concat();
        assert_eq!(read(&sent), Ok((said, header.len())), "{header:?}");
    }
}

#[test]
fn a_connection_that_begins_with_something_else_is_refused_at_once() {
    for sent in
        ["GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01", "PROXZ "]
    {
        assert_eq!(proxy_header(sent.as_bytes()), Err(ProxyHeaderError::Missing), "{sent:?}");
    }
    assert_eq!(proxy_header(b"\r\n\r\n\0\r\nQUIX\n"), Err(ProxyHeaderError::Missing));
}

#[test]
fn headers_that_cannot_be_used_are_refused() {
    use ProxyHeaderError::{Malformed, TooLong, Unsupported};
    for (sent, error) in [
        (version_2(0x11, 0x11, &[0; 12]), Unsupported),
        (version_2(0x22, 0x11, &[0; 12]), Unsupported),
        (version_2(0x21, 0x12, &[0; 12]), Unsupported),
        (version_2(0x21, 0x41, &[0; 12]), Unsupported),
        (version_2(0x21, 0x11, &[0; 11]), Malformed),
        (version_2(0x21, 0x21, &[0; 35]), Malformed),
        (version_2(0x21, 0x11, &[0; 4097]), TooLong),
        (b"PROXY TCP4 192.0.2.1 203.0.113.9 4711\r\n".to_vec(), Malformed),
        (b"PROXY TCP4 2001:db8::1 203.0.113.9 4711 443\r\n".to_vec(), Malformed),
        (b"PROXY TCP4 192.0.2.1 203.0.113.9 4711 65536\r\n".to_vec(), Malformed),
        (b"PROXY TCP4 192.0.2.1 203.0.113.9 +711 443\r\n".to_vec(), Malformed),
        (b"PROXY TCP5 192.0.2.1 203.0.113.9 4711 443\r\n".to_vec(), Malformed),
        (b"PROXY TCP4 192.0.2.1\xff 203.0.113.9 4711 443\r\n".to_vec(), Malformed),
        ([b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200]].concat(), TooLong),
    ] {
        assert_eq!(read(&sent), Err(error), "{sent:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_ask_for_more_than_a_header(
        start in 0..3_usize, rest in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let start: &[u8] = [b"", SIGNATURE, b"PROXY "][start];
        let sent = [start, &rest].concat();
        for length in 0..=sent.len() {
            if let Ok(ProxyHeader::Incomplete(more)) = proxy_header(&sent[..length]) {
                prop_assert!(more > 0 && length + more <= 16 + 4096);
            }
        }
        if let Ok((header, taken)) = read(&sent) {
            prop_assert!(taken <= sent.len(), "{header:?}");
        }
    }

    #[test]
    fn a_header_says_what_was_put_into_it(source: [u8; 4], fields in "[a-z]{0,99}") {
        let sent = ipv4(source, fields.as_bytes());
        let said = ProxyHeader::Client(IpAddr::from(source));
        prop_assert_eq!(read(&sent), Ok((said, sent.len())));
        let line = format!("PROXY TCP4 {} 203.0.113.9 1 2\r\n", IpAddr::from(source));
        prop_assert_eq!(read(line.as_bytes()), Ok((said, line.len())));
    }
}
