use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use http_body_util::Full;

use crate::error::{Error, Result};
use crate::load::Protocol;
use crate::target::Url;

/// What every request of a scenario has in common.
#[derive(Debug, Clone, Default)]
pub struct RequestTemplate {
    /// The method; without one it is GET, or POST when there is a body.
    pub method: Option<Method>,
    /// Headers; `content-type` is `application/json` when there is a body and none is given.
    pub headers: HeaderMap,
    /// Bodies, sent in order and from the beginning again; none for requests without a body.
    pub bodies: Vec<Bytes>,
}

impl RequestTemplate {
    /// The method that is sent.
    pub fn method(&self) -> Method {
        let default = if self.bodies.is_empty() { Method::GET } else { Method::POST };
        self.method.clone().unwrap_or(default)
    }
}

/// Reads `Name: value`.
pub fn parse_header(text: &str) -> Result<(HeaderName, HeaderValue)> {
    let wrong = |reason: &str| Error::syntax("header", text, reason);
    let (name, value) =
        text.split_once(':').ok_or_else(|| wrong("the colon is missing; write 'Name: value'"))?;
    let name = HeaderName::try_from(name.trim())
        .map_err(|_| wrong("the name before the colon is not a header name"))?;
    let value = HeaderValue::try_from(value.trim())
        .map_err(|_| wrong("the value behind the colon holds a forbidden character"))?;
    Ok((name, value))
}

/// The requests to one target, in order, over all rounds.
pub(crate) struct Requests {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    bodies: Vec<Bytes>,
    next: AtomicUsize,
}

impl Requests {
    pub(crate) fn new(template: &RequestTemplate, url: &Url, protocol: Protocol) -> Result<Self> {
        let mut headers = template.headers.clone();
        if !template.bodies.is_empty() {
            let json = HeaderValue::from_static("application/json");
            headers.entry(header::CONTENT_TYPE).or_insert(json);
        }
        Ok(Self {
            method: template.method(),
            uri: address(url, protocol, &mut headers)?,
            headers,
            bodies: template.bodies.clone(),
            next: AtomicUsize::new(0),
        })
    }

    pub(crate) fn next(&self) -> Request<Full<Bytes>> {
        let body = match self.bodies.len() {
            0 => Bytes::new(),
            count => self.bodies[self.next.fetch_add(1, Ordering::Relaxed) % count].clone(),
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

/// HTTP/1.1 sends the path and a `host` header, HTTP/2 derives both from the whole URL.
fn address(url: &Url, protocol: Protocol, headers: &mut HeaderMap) -> Result<Uri> {
    let text = url.to_string();
    let wrong = |reason: String| Error::syntax("URL", &text, reason);
    match protocol {
        Protocol::Http1 => {
            let host = HeaderValue::try_from(url.authority().as_str())
                .map_err(|error| wrong(error.to_string()))?;
            headers.entry(header::HOST).or_insert(host);
            Ok(Uri::from(url.path().clone()))
        }
        Protocol::Http2 => {
            text.parse().map_err(|error: http::uri::InvalidUri| wrong(error.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_header_is_split_at_its_first_colon() {
        let (name, value) = parse_header("X-Route: a:b").unwrap();
        assert_eq!((name.as_str(), value.to_str().unwrap()), ("x-route", "a:b"));
    }

    #[test]
    fn refusals_name_the_header_and_the_remedy() {
        for (text, part) in [
            ("accept", "the colon is missing"),
            ("a b: c", "not a header name"),
            (": c", "not a header name"),
            ("a: \u{7f}", "forbidden character"),
        ] {
            let message = parse_header(text).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }

    proptest! {
        #[test]
        fn no_header_panics(text in "\\PC*:?\\PC*") {
            let _ = parse_header(&text);
        }
    }

    #[test]
    fn a_body_makes_it_a_post_of_json() {
        let url = "http://h:1/p".parse().unwrap();
        let template =
            RequestTemplate { bodies: vec![Bytes::from_static(b"{}")], ..Default::default() };
        let request = Requests::new(&template, &url, Protocol::Http1).unwrap().next();
        assert_eq!(request.method(), Method::POST);
        assert_eq!(request.headers()[header::CONTENT_TYPE], "application/json");
        assert_eq!(request.headers()[header::HOST], "h:1");
        assert_eq!(request.uri(), "/p");
    }
}
