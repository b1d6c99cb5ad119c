//! What clients write into `X-Forwarded-For` and `Forwarded` before a proxy adds to it.

use std::net::IpAddr;

use arbitrary::Arbitrary;
use http::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue};
use pilotlight_auth::{ForwardedHeader, forwarded_client};

#[derive(Debug, Arbitrary)]
pub struct Input {
    lines: Vec<(bool, Vec<u8>)>,
    trusted: [u8; 4],
    /// Whether the proxy adds to `Forwarded`.
    standard: bool,
}

/// Runs the target.
pub fn run(input: Input) {
    let list = HeaderName::from_static("x-forwarded-for");
    let mut headers = HeaderMap::new();
    for (standard, value) in &input.lines {
        let name = if *standard { FORWARDED } else { list.clone() };
        let Ok(value) = HeaderValue::from_bytes(value) else { continue };
        headers.append(name, value);
    }
    let proxy = IpAddr::from([10, 0, 0, 1]);
    let trusted = |address: IpAddr| address == proxy || address == IpAddr::from(input.trusted);
    for header in [ForwardedHeader::Any, ForwardedHeader::XForwardedFor, ForwardedHeader::Forwarded]
    {
        let _ = forwarded_client(&headers, proxy, header, &trusted);
    }
    // Whatever came before, the client is the one that the proxy adds.
    let client = IpAddr::from([192, 0, 2, 1]);
    if trusted(client) {
        return;
    }
    let (name, value, header) = match input.standard {
        true => (FORWARDED, "for=192.0.2.1", ForwardedHeader::Forwarded),
        false => (list, "192.0.2.1", ForwardedHeader::XForwardedFor),
    };
    headers.append(name, HeaderValue::from_static(value));
    assert_eq!(forwarded_client(&headers, proxy, header, &trusted), Ok(Some(client)));
}
