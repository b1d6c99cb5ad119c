//! Whose request it is that came through proxies.

use std::net::IpAddr;

use http::HeaderMap;
use pilotlight_auth::{ForwardedError, ForwardedHeader, forwarded_client};
use proptest::prelude::*;

use crate::headers;

const PROXY: &str = "10.0.0.1";

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Proxies are those in 10.0.0.0/8.
fn by(headers: &HeaderMap, header: ForwardedHeader) -> Result<Option<IpAddr>, ForwardedError> {
    let trusted = |address: IpAddr| matches!(address, IpAddr::V4(v4) if v4.octets()[0] == 10);
    forwarded_client(headers, address(PROXY), header, &trusted)
}

fn client(headers: &HeaderMap) -> Result<Option<IpAddr>, ForwardedError> {
    by(headers, ForwardedHeader::Any)
}

#[test]
fn the_client_is_the_last_address_that_is_no_proxy() {
    for (chain, expected) in [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1, 10.0.0.2", "192.0.2.1"),
        ("10.9.9.9, 192.0.2.1,10.0.0.2 , 10.0.0.3", "192.0.2.1"),
        ("198.51.100.7, 192.0.2.1", "192.0.2.1"),
        ("10.0.0.7, 10.0.0.2", "10.0.0.7"),
        ("192.0.2.1:4711", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        (", ,192.0.2.1,", "192.0.2.1"),
        ("", PROXY),
    ] {
        let found = client(&headers([("x-forwarded-for", chain)]));
        assert_eq!(found, Ok(Some(address(expected))), "{chain:?}");
    }
    assert_eq!(client(&HeaderMap::new()), Ok(Some(address(PROXY))));
}

#[test]
fn lines_of_a_header_are_one_chain() {
    for name in ["x-forwarded-for", "forwarded"] {
        let value = |address: &str| match name {
            "forwarded" => format!("for={address}"),
            _ => address.to_owned(),
        };
        let lines = ["198.51.100.7", "192.0.2.1", "10.0.0.2"].map(value);
        let lines = [(name, &*lines[0]), (name, &*lines[1]), (name, &*lines[2])];
        assert_eq!(client(&headers(lines)), Ok(Some(address("192.0.2.1"))), "{name}");
    }
}

#[test]
fn what_nobody_trusted_has_written_is_not_looked_at() {
    for chain in ["nonsense, 192.0.2.1", "<script>,,192.0.2.1, 10.0.0.2", "unknown, 192.0.2.1"] {
        let found = client(&headers([("x-forwarded-for", chain)]));
        assert_eq!(found, Ok(Some(address("192.0.2.1"))), "{chain:?}");
    }
    let lines = [("forwarded", "for=\"broken"), ("forwarded", "for=192.0.2.1")];
    assert_eq!(client(&headers(lines)), Ok(Some(address("192.0.2.1"))));
}

#[test]
fn a_forwarded_header_is_read_as_its_standard_says() {
    for (line, expected) in [
        ("for=192.0.2.43", "192.0.2.43"),
        ("For=\"192.0.2.43:47011\"", "192.0.2.43"),
        ("for=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
        ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
        ("proto=https ; for=192.0.2.60", "192.0.2.60"),
        ("for=198.51.100.7, for=192.0.2.43;host=\"a,b;c=\\\"d\", for=10.0.0.2", "192.0.2.43"),
        ("for=192.0.2.43;", "192.0.2.43"),
        ("for=192.0.2.43:80", "192.0.2.43"),
        ("for=\"192.0.2.43:_port\"", "192.0.2.43"),
    ] {
        assert_eq!(client(&headers([("forwarded", line)])), Ok(Some(address(expected))), "{line}");
    }
}

#[test]
fn a_client_that_a_proxy_hides_is_nobody_and_not_the_proxy() {
    for line in ["for=unknown", "for=_hidden", "for=\"_a.b-c\", for=10.0.0.2", "proto=http"] {
        assert_eq!(client(&headers([("forwarded", line)])), Ok(None), "{line}");
    }
    assert_eq!(client(&headers([("x-forwarded-for", "192.0.2.1, unknown")])), Ok(None));
}

#[test]
fn what_cannot_be_read_is_refused_and_not_taken_for_the_proxy() {
    for chain in ["nonsense", "192.0.2.1, 300.0.0.1", "192.0.2.1:", "192.0.2.1:123456", "_", "[::1"]
    {
        let found = client(&headers([("x-forwarded-for", chain)]));
        assert_eq!(found, Err(ForwardedError::Malformed("x-forwarded-for")), "{chain:?}");
    }
    for line in [
        "192.0.2.1",
        "for=",
        "for=192.0.2.1;for=192.0.2.2",
        "for=\"192.0.2.1",
        "for=192.0.2.1 proto=http",
        "for=\"192.0.2.1\"x",
        // A quote that a client leaves open pairs with one that the proxy writes.
        "for=6.6.6.6;x=\", for=\"192.0.2.1\"",
    ] {
        let found = client(&headers([("forwarded", line)]));
        assert_eq!(found, Err(ForwardedError::Malformed("forwarded")), "{line}");
    }
}

#[test]
fn a_header_that_the_proxy_passed_on_unread_does_not_choose_the_client() {
    let both = headers([("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=10.1.1.1")]);
    assert_eq!(client(&both), Err(ForwardedError::Disagree));
    let list = by(&both, ForwardedHeader::XForwardedFor);
    assert_eq!(list, Ok(Some(address("192.0.2.1"))));
    assert_eq!(by(&both, ForwardedHeader::Forwarded), Ok(Some(address("10.1.1.1"))));
    let same = headers([("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.1")]);
    assert_eq!(client(&same), Ok(Some(address("192.0.2.1"))));
    let other = headers([("x-forwarded-for", "192.0.2.1")]);
    assert_eq!(by(&other, ForwardedHeader::Forwarded), Ok(Some(address(PROXY))));
}

proptest! {
    #[test]
    fn whatever_a_client_sends_the_address_that_the_proxy_adds_is_the_client(
        sent in "[ -~]{0,60}",
    ) {
        let chain = format!("{sent}, 192.0.2.1");
        let found = client(&headers([("x-forwarded-for", &chain)]));
        prop_assert_eq!(found, Ok(Some(address("192.0.2.1"))));
        let line = format!("{sent}, for=192.0.2.1");
        let found = client(&headers([("forwarded", &line)]));
        prop_assert!(
            matches!(found, Err(ForwardedError::Malformed(_))) || found == Ok(Some(address("192.0.2.1"))),
            "{found:?}"
        );
        let lines = [("forwarded", &*sent), ("forwarded", "for=\"192.0.2.1:1\"")];
        prop_assert_eq!(client(&headers(lines)), Ok(Some(address("192.0.2.1"))));
    }
}
