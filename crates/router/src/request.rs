use std::borrow::Cow;
use std::net::IpAddr;

use http::HeaderMap;
use http::header::COOKIE;

/// Parts of a request that routes can match.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Its path in its normal form (RFC 3986, section 6.2.2), without the query.
    pub path: &'a str,
    /// Query, without the `?`.
    pub query: Option<&'a str>,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Client address, if known.
    pub client: Option<IpAddr>,
    /// Its body, if it was read: see [`Router::needs_body`](crate::Router::needs_body).
    pub body: Option<&'a [u8]>,
}

impl<'a> Request<'a> {
    /// Values of a query parameter, decoded, in their order.
    pub(crate) fn parameters(&self, name: &str) -> impl Iterator<Item = Cow<'a, str>> {
        let query = self.query.unwrap_or_default().as_bytes();
        form_urlencoded::parse(query).filter(move |(key, _)| key == name).map(|(_, value)| value)
    }

    /// Value of the first cookie of this name; a browser sends the most specific one first.
    pub(crate) fn cookie(&self, name: &str) -> Option<&'a [u8]> {
        let headers = self.headers.get_all(COOKIE).into_iter();
        let mut pairs = headers.flat_map(|header| header.as_bytes().split(|byte| *byte == b';'));
        pairs.find_map(|pair| {
            let equals = pair.iter().position(|byte| *byte == b'=')?;
            let value = pair[equals + 1..].trim_ascii();
            (pair[..equals].trim_ascii() == name.as_bytes()).then(|| unquoted(value))
        })
    }
}

fn unquoted(value: &[u8]) -> &[u8] {
    let inner = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
    inner.unwrap_or(value)
}
